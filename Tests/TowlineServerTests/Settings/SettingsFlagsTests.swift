import Testing

@testable import TowlineServer

@Suite("Settings from flags")
struct SettingsFlagsTests {
    @Test(
        "are read in either form",
        arguments: [
            ([], [:]),
            (["--pull-concurrency", "4"], ["pull.concurrency": "4"]),
            (["--pull-concurrency=4"], ["pull.concurrency": "4"]),
            (["--data", "/srv"], ["data.dir": "/srv"]),
            (["--data-dir=/srv"], ["data.dir": "/srv"]),
            (["--net-ca-file="], ["net.ca-file": ""]),
            (["--net-ca-file", ""], ["net.ca-file": ""]),
            (["--store-url=sqlite:a=b"], ["store.url": "sqlite:a=b"]),
            (["--pull-retries", "-5"], ["pull.retries": "-5"]),
            (["--admin-token=--x"], ["admin.token": "--x"]),
            (
                ["--net-source-allow", "10.0.0.0/8,::1", "--log-level", "debug"],
                ["net.source.allow": "10.0.0.0/8,::1", "log.level": "debug"]
            ),
        ] as [([String], [String: String])])
    func accepted(arguments: [String], values: [String: String]) throws {
        #expect(try SettingsFlags.parse(arguments) == values)
    }

    @Test(
        "are refused with a sentence that says what is wrong",
        arguments: [
            (
                ["--pull-concurency", "4"], SettingsError.Code.unknownSetting,
                "there is no flag --pull-concurency; the nearest one is --pull-concurrency"
            ),
            (["--date", "/srv"], .unknownSetting, "there is no flag --date; the nearest one is --data"),
            (["--Data", "/srv"], .unknownSetting, "there is no flag --Data; the nearest one is --data"),
            (
                ["--no-roles"], .unknownSetting,
                "there is no flag --no-roles; the nearest one is --roles"
            ),
            (
                ["--completely-different=1"], .unknownSetting,
                "there is no flag --completely-different; towline serve --help lists what there is"
            ),
            (
                ["--pull-retries"], .usage, "--pull-retries needs a value: a whole number from 1 to 100"
            ),
            (
                ["--data", "--pull-retries", "3"], .usage, "--data needs a value: a path"
            ),
            (["--data", "/a", "--data-dir", "/b"], .usage, "--data-dir sets data.dir a second time"),
            (["--pull-retries=1", "--pull-retries=1"], .usage, "--pull-retries sets pull.retries a second time"),
            (
                ["--pull-retries", "1", "2"], .usage,
                "\"2\" is no flag; settings are given as --name value or --name=value"
            ),
            (["-d", "1"], .usage, "\"-d\" is no flag; settings are given as --name value or --name=value"),
            (["--"], .usage, "\"--\" is no flag; settings are given as --name value or --name=value"),
            ([""], .usage, "\"\" is no flag; settings are given as --name value or --name=value"),
        ] as [([String], SettingsError.Code, String)])
    func refused(arguments: [String], code: SettingsError.Code, description: String) {
        let error = settingsError { _ = try SettingsFlags.parse(arguments) }
        #expect(error?.code == code)
        #expect(error?.description == description)
    }

    @Test("that are switches need no value and can be turned off")
    func switches() throws {
        let flags = SettingsFlags(table: [
            SettingsKey("queue.create-missing", .boolean, default: "false", "Makes queues."),
            SettingsKey("pull.retries", .integer(1...9), default: "5", "Attempts."),
        ])
        #expect(try flags.parse(["--queue-create-missing"]) == ["queue.create-missing": "true"])
        #expect(try flags.parse(["--no-queue-create-missing"]) == ["queue.create-missing": "false"])
        #expect(try flags.parse(["--queue-create-missing=no"]) == ["queue.create-missing": "no"])
        #expect(
            settingsError { _ = try flags.parse(["--queue-create-missing", "true"]) }?.description
                == "\"true\" is no flag; settings are given as --name value or --name=value")
        #expect(
            settingsError { _ = try flags.parse(["--no-queue-create-missing=true"]) }?.description
                == "--no-queue-create-missing takes no value")
        #expect(
            settingsError { _ = try flags.parse(["--queue-create-missing", "--no-queue-create-missing"]) }?.code
                == .usage)
        #expect(settingsError { _ = try flags.parse(["--no-pull-retries"]) }?.code == .unknownSetting)
    }
}
