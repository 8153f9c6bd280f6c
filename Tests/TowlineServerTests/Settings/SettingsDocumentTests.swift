import Foundation
import Testing

@testable import TowlineServer

@Suite("Documents about settings")
struct SettingsDocumentTests {
    /// The project's folder, also when the tests are reached through a link.
    private static let root = URL(filePath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test(
        "are what the table makes of them (UPDATE_GENERATED=1 in the environment of the tests writes them)",
        arguments: [
            ("docs/settings.md", SettingsDocument.page()), ("towline.example.yaml", SettingsDocument.exampleFile()),
        ])
    func generated(path: String, text: String) throws {
        let file = Self.root.appending(path: path)
        if ProcessInfo.processInfo.environment["UPDATE_GENERATED"] == "1" {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == text)
    }

    @Test("hold every default: the example file changes nothing")
    func exampleFile() throws {
        let text = SettingsDocument.exampleFile()
        #expect(try loadSettings(.serve, yaml: text) == loadSettings(.serve))
        for key in SettingsKey.table {
            let name = try #require(key.components.last)
            #expect(text.contains("\(name):"), "\(key.name)")
        }
    }

    @Test("stay true when what is commented out in the example file is commented in")
    func exampleFileUncommented() throws {
        let lines = SettingsDocument.exampleFile().split(separator: "\n").map { line in
            let words = line.split(separator: " ")
            guard words.count == 2, words[0] == "#", words[1].hasSuffix(":") else { return String(line) }
            return String(line).replacing("# ", with: "", maxReplacements: 1)
        }
        let yaml = lines.joined(separator: "\n")
        #expect(yaml.contains("\n  public-url:\n"))
        #expect(try loadSettings(.serve, yaml: yaml) == loadSettings(.serve))
    }

    @Test("list every setting in the help, in lines that fit a terminal", arguments: Settings.Mode.allCases)
    func help(mode: Settings.Mode) throws {
        let help = SettingsDocument.help(mode)
        let lines = help.split(separator: "\n", omittingEmptySubsequences: false)
        for key in SettingsKey.table {
            #expect(lines.contains { $0.split(separator: " ").contains(Substring(key.flag)) }, "\(key.flag)")
        }
        #expect(lines.allSatisfy { $0.count <= 76 })
        #expect(help.contains("  --data, --data-dir PATH\n"))
        let words = help.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        #expect(words.contains("--log-level WORD Least important messages that are logged. Takes trace, debug,"))
        #expect(help.contains("Default: \(mode == .dev ? "exact" : "durable")."))
        #expect(!help.contains("`"))
    }

    @Test("have a row for every setting on the page, with both defaults where they differ")
    func page() {
        let page = SettingsDocument.page()
        for key in SettingsKey.table { #expect(page.contains("| `\(key.name)`"), "\(key.name)") }
        #expect(page.contains("| `delivery.policy` | `durable` (`dev`: `exact`) | exact or durable |"))
        #expect(page.contains("| `data.dir` (also `--data`) |"))
    }
}
