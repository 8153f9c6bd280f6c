import Testing

@testable import TowlineObjectsS3

@Suite("How large parts are")
struct PartPlanTests {
    @Test("sizes double every thousand parts, up to the largest, and end with the ten-thousandth")
    func sizes() {
        let plan = PartPlan(most: 16 << 20)
        #expect(plan.size(of: 1) == 8 << 20)
        #expect(plan.size(of: 1000) == 8 << 20)
        #expect(plan.size(of: 1001) == 16 << 20)
        #expect(plan.size(of: 10_000) == 16 << 20)
        #expect(plan.size(of: 10_001) == nil)
        #expect(plan.size(of: 0) == nil)
        #expect(plan.mostBytes == 148 << 30 + 448 << 20 || plan.mostBytes == Int64(1000 * 8 + 9000 * 16) << 20)
        #expect(PartPlan(most: 4 << 30).mostBytes == Int64(8 * 1023) * 1000 << 20)
        #expect(PartPlan(most: 1).size(of: 9999) == 8 << 20)
    }

    @Test(
        "copies cover a prefix without a gap, in parts of a size that is allowed",
        arguments: [5 << 20, (5 << 20) + 1, (512 << 20) + 1, 20 << 30, (600 << 30) + 7, 5 << 40] as [Int64])
    func copies(bytes: Int64) {
        let ranges = PartPlan.copies(of: bytes)
        #expect(ranges.first?.lowerBound == 0)
        #expect(ranges.last?.upperBound == bytes)
        #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
        #expect(ranges.allSatisfy { Int64($0.count) >= PartPlan.smallest && Int64($0.count) <= PartPlan.largestCopy })
        #expect(ranges.count <= 1050)
    }

    @Test("the beginning of an upload is its parts without a gap, as many as are needed")
    func beginning() {
        func part(_ number: Int, _ bytes: Int64) -> S3Documents.Part {
            S3Documents.Part(number: number, tag: "\(number)", bytes: bytes)
        }
        let parts = [part(1, 10), part(2, 10), part(4, 10)]
        #expect(S3ObjectStore.beginning(parts, bytes: 10)?.map(\.number) == [1])
        #expect(S3ObjectStore.beginning(parts, bytes: 11)?.map(\.number) == [1, 2])
        #expect(S3ObjectStore.beginning(parts, bytes: 21) == nil)
        #expect(S3ObjectStore.beginning([part(2, 10)], bytes: 1) == nil)
        #expect(S3ObjectStore.beginning([], bytes: 0) == nil)
    }
}
