import Testing
import TowlineCore

@testable import TowlineCommands

@Suite("text on its way to a terminal")
struct TerminalTextTests {
    @Test(
        "control characters and marks of direction are dropped, line breaks become blanks",
        arguments: [
            ("plain 视频", "plain 视频"),
            ("\u{1B}[31mred\u{1B}[0m", "[31mred[0m"),
            ("a\nb\tc\r", "a b c "),
            ("a\u{9B}2Jb\u{7F}\u{0}", "a2Jb"),
            ("a\u{202E}gpm.exe\u{2066}\u{200F}", "agpm.exe"),
            ("a\u{2028}b", "ab"),
        ])
    func cleaning(text: String, clean: String) {
        #expect(TerminalText.clean(text) == clean)
    }

    @Test("control characters can be made visible line by line")
    func visible() {
        #expect(
            TerminalText.visibleLines("a\u{1B}[0m\u{0}\tb\r\nc\rd\u{9B}\u{202E}\n\n") == [
                #"a\x1b[0m\x00\tb"#, #"c\rd\x9b\u{202e}"#, "", "",
            ])
    }

    @Test(
        "widths count columns",
        arguments: [("", 0), ("abc", 3), ("视频", 4), ("é", 1), ("e\u{301}", 1), ("ｗ", 2), ("한", 2), ("🎬", 2), ("–", 1)])
    func width(text: String, columns: Int) {
        #expect(TerminalText.width(of: text) == columns)
    }

    @Test(
        "text is cut by columns and filled up",
        arguments: [
            ("lesson", 8, "lesson  "), ("lesson", 6, "lesson"), ("lesson", 4, "les…"), ("视频课", 6, "视频课"),
            ("视频课", 5, "视频…"), ("视频课", 4, "视… "), ("a", 0, ""),
        ])
    func padding(text: String, columns: Int, padded: String) {
        #expect(TerminalText.pad(text, columns) == padded)
        #expect(TerminalText.width(of: TerminalText.pad(text, columns)) == columns)
    }

    @Test("JSON for a terminal escapes what JSON itself lets through")
    func json() throws {
        let value = JSONValue.members(["t": .string("a\u{9B}31m\u{202E}视\u{1B}")])
        #expect(value.terminalText == #"{"t":"a\u009b31m\u202e视\u001b"}"#)
        #expect(try JSONParser.parse(value.terminalText) == value)
    }
}

@Suite("measures")
struct MeasureTests {
    @Test(
        "sizes have three digits or four and are never rounded up",
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1535, "1.4 KiB"), (99 * 1024, "99.0 KiB"),
            (102_399, "99.9 KiB"), (102_400, "100 KiB"), (1_048_575, "1023 KiB"), (1 << 20, "1.0 MiB"),
            (21_474_836_480, "20.0 GiB"), (Int64.max, "8191 PiB"),
        ] as [(Int64, String)])
    func bytes(count: Int64, text: String) {
        #expect(Measure.bytes(count) == text)
    }

    @Test("a part is shown in the unit of its total")
    func part() {
        #expect(Measure.bytes(512, of: 30_512_345) == "0.0/29.0 MiB")
        #expect(Measure.bytes(30_512_345, of: 30_512_345) == "29.0/29.0 MiB")
        #expect(Measure.bytes(3, of: 10) == "3/10 B")
    }

    @Test(
        "times are clocks up to a day",
        arguments: [
            (0, "0:00"), (5, "0:05"), (754, "12:34"), (3723, "1:02:03"), (86_399, "23:59:59"), (97_200, "1d 3h"),
        ])
    func times(seconds: Int, text: String) {
        #expect(Measure.time(.seconds(seconds)) == text)
    }

    @Test(
        "shares are cut, so that 100% means all",
        arguments: [(0, 10, "0%"), (999, 1000, "99%"), (10, 10, "100%"), (11, 10, "100%"), (0, 0, "100%")]
            as [(Int64, Int64, String)])
    func percent(count: Int64, total: Int64, text: String) {
        #expect(Measure.percent(count, of: total) == text)
    }

    @Test("spans are readable", arguments: [(850, "850 ms"), (2345, "2.3 s"), (245_000, "4:05")] as [(Int64, String)])
    func spans(milliseconds: Int64, text: String) {
        #expect(Measure.span(milliseconds: milliseconds) == text)
    }
}

@Suite("tables")
struct TableTests {
    private var table: Table {
        var table = Table([
            .init(title: "JOB"), .init(title: "SIZE", alignment: .right), .init(title: "TITLE", minimum: 6),
            .init(title: "SOURCE", minimum: 10),
        ])
        table.add(["b7", "1.0 MiB", "视频课程", "https://media.example.com/lesson-01.mp4"])
        table.add(["0c9e", "–", "a\u{1B}[2Jb", "http://h/x"])
        return table
    }

    @Test("columns are aligned, cells are clean, and nothing is cut without a limit")
    func whole() {
        #expect(
            table.lines() == [
                "JOB      SIZE  TITLE     SOURCE",
                "b7    1.0 MiB  视频课程  https://media.example.com/lesson-01.mp4",
                "0c9e        –  a[2Jb     http://h/x",
            ])
    }

    @Test("a limit cuts the last flexible column first")
    func cut() {
        #expect(
            table.lines(limit: 40) == [
                "JOB      SIZE  TITLE     SOURCE",
                "b7    1.0 MiB  视频课程  https://media.…",
                "0c9e        –  a[2Jb     http://h/x",
            ])
    }

    @Test("what does not fit at all is left out, and no line is wider than the limit", arguments: 13...60)
    func limits(limit: Int) {
        let lines = table.lines(limit: limit)
        #expect(lines.allSatisfy { TerminalText.width(of: $0) <= max(limit, 13) })
        #expect(lines[1].hasPrefix("b7    1.0 MiB"))
    }
}
