import Testing
import TowlineCore

@testable import TowlineServer

@Suite("Settings from a file")
struct SettingsFileTests {
    @Test("are read from scalars of every style, sequences and nested groups")
    func values() throws {
        let settings = try loadSettings(
            yaml: """
                # a comment
                pull:
                  concurrency: 12            # a number
                  per-origin: "3"            # a text
                  retries: '7'
                  max-bytes: 5 GiB
                  min-bytes-per-second: 0
                  idle-timeout-seconds: 2.5
                net:
                  source: {allow: [10.0.0.0/8, "fd00::/8"]}
                  callback:
                    allow:
                      - 192.168.0.0/16
                  deny: 192.0.2.0/24, 198.51.100.7
                  dns-servers: ["[2001:db8::53]:5353", 192.0.2.53]
                roles: [api, pull]
                api:
                  listen: "[::1]:9000"
                admin.listen: 127.0.0.1:9001
                store:
                  url: sqlite:/srv/towline.db
                admin:
                  token: 12345
                delivery: &delivery
                  policy: exact
                """)
        #expect(settings.pull.concurrency == 12)
        #expect(settings.pull.perOrigin == 3)
        #expect(settings.pull.attempts == 7)
        #expect(settings.pull.maxBytes == 5 << 30)
        #expect(settings.pull.minBytesPerSecond == 0)
        #expect(settings.pull.idleTimeout == .milliseconds(2_500))
        #expect(settings.net.sourceAllow.map(\.description) == ["10.0.0.0/8", "fd00::/8"])
        #expect(settings.net.callbackAllow.map(\.description) == ["192.168.0.0/16"])
        #expect(settings.net.deny.map(\.description) == ["192.0.2.0/24", "198.51.100.7/32"])
        #expect(
            settings.net.dnsServers == [.init(host: "2001:db8::53", port: 5353), .init(host: "192.0.2.53", port: 53)])
        #expect(settings.roles == [.api, .pull])
        #expect(settings.api.listen == .init(host: "::1", port: 9000))
        #expect(settings.admin.listen == .init(host: "127.0.0.1", port: 9001))
        #expect(settings.store == .sqlite(path: "/srv/towline.db"))
        #expect(settings.admin.token?.value == "12345")
        #expect(settings.delivery.policy == .exact)
    }

    @Test(
        "are none where a file says nothing",
        arguments: [
            "", "\n\n", "# only a comment\n", "---\n", "---\n# a\n...\n", "\u{FEFF}# a\n", "{}\n", "pull:\n",
            "pull:\n  # concurrency: 4\nnet:\n  source:\n", "pull: ~\n", "pull: null\n", "pull: {}\n",
            "net:\n  ca-file:\n", "net:\n  ca-file: ~\n", "net:\n  ca-file: null\n", "net:\n  ca-file: \"\"\n",
            "net:\n  deny: []\n", "net:\n  deny:\n", "\u{FEFF}pull:\n  retries: 5\n",
        ])
    func empty(yaml: String) throws {
        #expect(try loadSettings(yaml: yaml) == loadSettings())
    }

    @Test("can take back a list that the defaults of dev fill")
    func emptyList() throws {
        #expect(try loadSettings(.dev, yaml: "net: {source: {allow: []}}").net.sourceAllow == [])
        #expect(try loadSettings(.dev, yaml: "net: {callback: {allow: }}").net.callbackAllow == [])
    }

    @Test(
        "are refused with a sentence that names the file",
        arguments: [
            (
                "pull:\n  concurency: 4\n", SettingsError.Code.unknownSetting,
                "there is no setting pull.concurency in FILE; the nearest one is pull.concurrency"
            ),
            (
                "pull:\n  per_origin: 4\n", .unknownSetting,
                "there is no setting pull.per_origin in FILE; the nearest one is pull.per-origin"
            ),
            (
                "concurrency: 4\n", .unknownSetting,
                "there is no setting concurrency in FILE; the nearest one is pull.concurrency"
            ),
            ("1: 2\n", .unknownSetting, "there is no setting 1 in FILE; towline serve --help lists what there is"),
            (
                "pull:\n  retries:\n    count: 4\n", .unknownSetting,
                "there is no setting pull.retries.count in FILE; the nearest one is pull.retries"
            ),
            ("pull: 4\n", .malformedFile, "pull in FILE is a group of settings and takes no value of its own"),
            (
                "net:\n  source: [a]\n", .malformedFile,
                "net.source in FILE is a group of settings and takes no value of its own"
            ),
            (
                "pull:\n  retries: 4\npull.retries: 5\n", .malformedFile, "pull.retries is set twice in FILE"
            ),
            (
                "pull:\n  retries: [4]\n", .wrongValue,
                "pull.retries takes a whole number from 1 to 100, not a list (set in FILE)"
            ),
            (
                "pull:\n  retries:\n", .wrongValue,
                "pull.retries takes a whole number from 1 to 100, not an empty value (set in FILE)"
            ),
            (
                "pull:\n  retries: ~\n", .wrongValue,
                "pull.retries takes a whole number from 1 to 100, not an empty value (set in FILE)"
            ),
            (
                "pull:\n  retries: many\n", .wrongValue,
                "pull.retries takes a whole number from 1 to 100, not \"many\" (set in FILE)"
            ),
            (
                "roles: []\n", .wrongValue,
                "roles takes a list of one or more of api, pull, deliver, queue or console, each once, not [] (set in FILE)"
            ),
            (
                "roles: [api, cook]\n", .wrongValue,
                "roles takes a list of one or more of api, pull, deliver, queue or console, each once, "
                    + "not [api, cook] (set in FILE)"
            ),
            (
                "net:\n  deny: [[10.0.0.0/8]]\n", .malformedFile,
                "the settings file FILE is malformed: Unexpected non-scalar value in array at net.deny at index: 0"
            ),
            ("- pull\n", .malformedFile, "the settings file FILE is malformed: Top level YAML value is not a mapping"),
            ("pull\n", .malformedFile, "the settings file FILE is malformed: Top level YAML value is not a mapping"),
        ] as [(String, SettingsError.Code, String)])
    func refused(yaml: String, code: SettingsError.Code, description: String) throws {
        try withSettingsFile(Array(yaml.utf8)) { path in
            let error = settingsError { _ = try loadSettings(file: path) }
            #expect(error?.code == code)
            #expect(error?.description == description.replacing("FILE", with: path))
        }
    }

    @Test(
        "are refused on one line, without the file's lines, when the file is not YAML",
        arguments: [
            "admin:\n  token: s3cr3t\n  token: s3cr3t\n",
            "admin:\n  token: \"s3cr3t\n",
            "admin:\n  token: [s3cr3t\n",
            "admin:\n  token: s3cr3t\n bad: x\n",
            "admin: s3cr3t: x\n",
            "admin:\n\ttoken: s3cr3t\n",
            "admin: s3cr3t\u{1}\n",
            "admin: {token: s3cr3t}\n---\nadmin: {}\n",
            "admin: *s3cr3t\n",
        ])
    func notYAML(yaml: String) throws {
        try withSettingsFile(Array(yaml.utf8)) { path in
            let error = settingsError { _ = try loadSettings(file: path) }
            let description = try #require(error?.description)
            #expect(error?.code == .malformedFile)
            #expect(description.hasPrefix("the settings file \(path) is malformed: "))
            #expect(!description.contains("\n") && !description.hasSuffix(":"))
            #expect(!description.contains("s3cr3t"))
        }
    }

    @Test("are refused with the reason when the file cannot be read")
    func unreadable() throws {
        #expect(
            settingsError { _ = try loadSettings(file: "/nonexistent/towline.yaml") }
                == SettingsErrorText(
                    .unreadableFile,
                    "cannot read the settings file /nonexistent/towline.yaml: No such file or directory"))
        #expect(
            settingsError { _ = try loadSettings(file: "/") }
                == SettingsErrorText(.unreadableFile, "cannot read the settings file /: Is a directory"))
        #expect(
            settingsError { _ = try loadSettings(file: "/dev/zero") }
                == SettingsErrorText(
                    .unreadableFile, "cannot read the settings file /dev/zero: it is larger than 1 MiB"))
        try withSettingsFile([0x70, 0xff, 0xfe]) { path in
            #expect(
                settingsError { _ = try loadSettings(file: path) }
                    == SettingsErrorText(.unreadableFile, "cannot read the settings file \(path): it is not UTF-8 text")
            )
        }
    }
}

/// What a test expects of an error.
struct SettingsErrorText {
    let code: SettingsError.Code
    let description: String

    init(_ code: SettingsError.Code, _ description: String) {
        self.code = code
        self.description = description
    }

    static func == (error: SettingsError?, text: SettingsErrorText) -> Bool {
        error?.code == text.code && error?.description == text.description
    }
}
