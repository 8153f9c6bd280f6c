import Testing
import TowlineCore
import TowlineStore
import TowlineTesting

@testable import TowlineDelivery

@Suite("Outcomes in groups", .timeLimit(.minutes(5)))
struct OutcomeRecorderTests {
    private func report(_ number: Int) -> DeliveryReport {
        DeliveryReport(
            delivery: DeliveryID(rawValue: UInt128(number)), lease: LeaseToken(rawValue: 1), next: .delivered,
            record: DeliveryAttemptRecord())
    }

    @Test("the first outcome is written at once, and what ends meanwhile goes together")
    func groups() async {
        let recorder = OutcomeRecorder()
        let sizes = Observed<[Int]>([])
        let gate = TestSignal()
        await withDiscardingTaskGroup { group in
            for _ in 0..<OutcomeRecorder.writers {
                group.addTask {
                    await recorder.run { reports in
                        sizes.update { $0.append(reports.count) }
                        await gate.wait()
                    }
                }
            }
            for number in 0..<OutcomeRecorder.writers {
                recorder.add(report(number))
                await sizes.wait { $0.count == number + 1 }
            }
            for number in 0..<40 { recorder.add(report(number)) }
            #expect(sizes.value == [1, 1])
            gate.fire()
            await sizes.wait { $0.reduce(0, +) == 42 }
            recorder.finish()
        }
        #expect(sizes.value == [1, 1, 40])
    }

    @Test("the end waits until everything is written, cancelled or not", arguments: [false, true])
    func end(isCancelled: Bool) async {
        let recorder = OutcomeRecorder()
        let written = Observed(0)
        for number in 0..<(OutcomeRecorder.largestGroup + 10) { recorder.add(report(number)) }
        recorder.finish()
        let writer = Task { await recorder.run { reports in written.update { $0 += reports.count } } }
        if isCancelled { writer.cancel() }
        await writer.value
        #expect(written.value == OutcomeRecorder.largestGroup + 10)
    }
}
