import Testing
import TowlineClient

@testable import TowlineCommands

private let plain = Style(isOn: false)
private let mebibyte: Int64 = 1 << 20

@Suite("a progress line")
struct ProgressRowTests {
    private let running = ProgressRow(
        label: "lesson-01.mp4", status: .downloading, bytesReceived: 42 * mebibyte, bytesTotal: 100 * mebibyte,
        bytesPerSecond: 3.25 * Double(mebibyte), timeLeft: .seconds(18))

    @Test(
        "what does not fit is left out, the least needed first",
        arguments: [
            (120, "lesson-01.mp4  [############------------------]  42%  42.0/100 MiB    3.2 MiB/s     0:18 left"),
            (80, "lesson-01.mp4  [######----------]  42%  42.0/100 MiB    3.2 MiB/s     0:18 left"),
            (70, "lesson-01.mp4  [########------------]  42%  42.0/100 MiB    3.2 MiB/s"),
            (60, "lesson-01.mp4  [####------]  42%  42.0/100 MiB    3.2 MiB/s"),
            (50, "lesson-01.mp4  [#####-------]  42%  42.0/100 MiB"),
            (40, "lesson-01.mp4  [#######----------]  42%"),
            (24, "lesson-01.mp4   42%"),
            (16, "lesson-…   42%"),
        ])
    func narrowing(columns: Int, line: String) {
        #expect(running.line(columns: columns, labelWidth: columns == 16 ? 8 : 13, style: plain) == line)
    }

    @Test("no line reaches the last column, whatever the width and the state", arguments: 1...130)
    func width(columns: Int) {
        let rows = [
            running,
            ProgressRow(label: "视频课程第一讲视频课程第一讲", status: .downloading, bytesReceived: 7, bytesPerSecond: 1e9),
            ProgressRow(label: "a", status: .pending),
            ProgressRow(
                label: "a", status: .downloadFail, failure: "SourceUnavailable: " + String(repeating: "x", count: 200)),
            ProgressRow(label: "a", status: .success, bytesTotal: 1 << 40),
            ProgressRow(label: "a", status: .uploadSuccess, bytesTotal: 1 << 40),
        ]
        for row in rows {
            for labelWidth in [1, 8, 28] {
                let line = row.line(columns: columns, labelWidth: labelWidth, style: plain)
                #expect(TerminalText.width(of: line) <= columns - 1, "\(line)")
            }
        }
    }

    @Test("without a total there are bytes and the rate, and no bar")
    func unknownTotal() {
        var row = running
        row.bytesTotal = nil
        row.timeLeft = nil
        #expect(row.line(columns: 80, labelWidth: 13, style: plain) == "lesson-01.mp4  42.0 MiB  3.2 MiB/s")
        #expect(row.line(columns: 26, labelWidth: 13, style: plain) == "lesson-01.mp4  42.0 MiB")
        row.bytesPerSecond = nil
        #expect(row.line(columns: 80, labelWidth: 13, style: plain) == "lesson-01.mp4  42.0 MiB")
    }

    @Test("more bytes than announced fill the bar and no more")
    func overflow() {
        var row = running
        row.bytesReceived = 200 * mebibyte
        #expect(row.line(columns: 40, labelWidth: 13, style: plain) == "lesson-01.mp4  [#################] 100%")
    }

    @Test(
        "states without bytes are words",
        arguments: [
            (ProgressRow(label: "a", status: .pending), "a  waiting"),
            (ProgressRow(label: "a", status: .processing), "a  connecting"),
            (ProgressRow(label: "a", status: .downloading), "a  downloading"),
            (ProgressRow(label: "a", status: .uploading), "a  storing"),
            (ProgressRow(label: "a", status: .success, bytesTotal: 2048), "a  done, 2.0 KiB"),
            (ProgressRow(label: "a", status: .uploadSuccess, bytesTotal: 2048), "a  stored, 2.0 KiB, callback open"),
            (
                ProgressRow(label: "a", status: .uploadFail, failure: "StorageFailed: full"),
                "a  failed: StorageFailed: full"
            ),
        ])
    func words(row: ProgressRow, line: String) {
        #expect(row.line(columns: 80, labelWidth: 1, style: plain) == line)
    }

    @Test("colours add no columns and are off where they are not wanted")
    func colors() {
        let row = ProgressRow(label: "a", status: .success, bytesTotal: 2048)
        #expect(row.line(columns: 80, labelWidth: 1, style: Style(isOn: true)) == "a  \u{1B}[32mdone, 2.0 KiB\u{1B}[0m")
    }

    @Test("a message cannot steer the terminal")
    func hostile() {
        let row = ProgressRow(label: "a", status: .downloadFail, failure: "X: \u{1B}]0;owned\u{7}")
        #expect(row.line(columns: 80, labelWidth: 1, style: plain) == "a  failed: X: ]0;owned")
    }
}

@Suite("the rows of a terminal")
struct ProgressBoardTests {
    private func rows(_ statuses: [UploadStatus]) -> [ProgressRow] {
        statuses.enumerated().map { ProgressRow(label: "job-\($0.offset)", status: $0.element) }
    }

    @Test("labels share a width of at most a quarter of the terminal")
    func labels() {
        let rows = [
            ProgressRow(label: "short", status: .pending), ProgressRow(label: "a-long-name.mp4", status: .pending),
        ]
        let board = ProgressBoard(rows: rows)
        #expect(
            board.lines(size: TerminalSize(columns: 80, rows: 24), style: plain) == [
                "short            waiting", "a-long-name.mp4  waiting",
            ])
        #expect(
            board.lines(size: TerminalSize(columns: 40, rows: 24), style: plain) == [
                "short       waiting", "a-long-na…  waiting",
            ])
    }

    @Test("with more jobs than lines, those on the way are shown and the others are counted")
    func overflow() {
        let board = ProgressBoard(
            rows: rows([.success, .pending, .downloading, .downloadFail, .pending, .uploading, .success]))
        #expect(
            board.lines(size: TerminalSize(columns: 80, rows: 5), style: plain) == [
                "job-1  waiting", "job-2  downloading", "job-5  storing",
                "… and 4 more: 1 waiting, 2 done, 1 failed",
            ])
    }

    @Test("there is never a line more than the terminal can hold", arguments: 1...12)
    func height(rows count: Int) {
        let board = ProgressBoard(rows: rows(Array(repeating: .pending, count: 9)))
        let lines = board.lines(size: TerminalSize(columns: 80, rows: count), style: plain)
        #expect((1...max(1, count - 1)).contains(lines.count))
    }

    @Test("a frame is drawn over the frame before and clears what it does not cover")
    func frames() {
        var area = LiveArea()
        #expect(area.frame(["a", "b"]) == "\r\u{1B}[2Ka\n\r\u{1B}[2Kb\n")
        #expect(area.frame(["c", "d"]) == "\u{1B}[2A\r\u{1B}[2Kc\n\r\u{1B}[2Kd\n")
        #expect(area.frame(["e"]) == "\u{1B}[2A\r\u{1B}[2Ke\n\u{1B}[J")
        #expect(area.frame(["f"]) == "\u{1B}[1A\r\u{1B}[2Kf\n")
    }
}

@Suite("the rate of a transfer")
struct RateMeterTests {
    @Test("one moment gives no rate")
    func single() {
        var meter = RateMeter()
        #expect(meter.bytesPerSecond == nil)
        meter.add(100, at: .seconds(1))
        meter.add(200, at: .seconds(1))
        #expect(meter.bytesPerSecond == nil)
        #expect(meter.timeLeft(to: 1000) == nil)
    }

    @Test("the rate covers the last five seconds")
    func window() {
        var meter = RateMeter()
        for second in 0...10 { meter.add(Int64(second * 100), at: .seconds(second)) }
        #expect(meter.bytesPerSecond == 100)
        for second in 11...20 { meter.add(1000 + Int64((second - 10) * 1000), at: .seconds(second)) }
        #expect(meter.bytesPerSecond == 1000)
        #expect(meter.timeLeft(to: 16_000) == .seconds(5))
        #expect(meter.timeLeft(to: nil) == nil)
    }

    @Test("a new attempt starts the rate anew")
    func restart() {
        var meter = RateMeter()
        meter.add(5000, at: .seconds(1))
        meter.add(6000, at: .seconds(2))
        meter.add(0, at: .seconds(3))
        #expect(meter.bytesPerSecond == nil)
        meter.add(500, at: .seconds(4))
        #expect(meter.bytesPerSecond == 500)
    }

    @Test("nothing moving gives no time left")
    func stalled() {
        var meter = RateMeter()
        meter.add(100, at: .seconds(1))
        meter.add(100, at: .seconds(2))
        #expect(meter.bytesPerSecond == 0)
        #expect(meter.timeLeft(to: 1000) == nil)
    }
}
