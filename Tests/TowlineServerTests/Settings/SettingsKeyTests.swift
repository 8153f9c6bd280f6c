import Testing

@testable import TowlineServer

@Suite("The table of settings")
struct SettingsKeyTests {
    @Test("holds each name once, with the defaults that users were promised")
    func names() {
        let expected: [(String, SettingsKey.Default, SettingsKey.Default?)] = [
            ("api.listen", "127.0.0.1:8787", nil),
            ("api.public-url", .derived("`http://` or, with TLS, `https://` and `api.listen`"), nil),
            ("api.tls-certificate", .unset, nil),
            ("api.tls-key", .unset, nil),
            ("api.max-target-bytes", "512 KiB", nil),
            ("api.max-body-bytes", "2 MiB", nil),
            ("api.request-timeout-seconds", "30", nil),
            ("api.idle-timeout-seconds", "600", nil),
            ("admin.listen", "127.0.0.1:8788", nil),
            ("admin.token", .unset, nil),
            ("admin.ready-timeout-seconds", "5", nil),
            ("data.dir", "./towline-data", .derived("a temporary folder, removed at exit")),
            ("secrets.key-file", .derived("`<data.dir>/secret.key`"), nil),
            ("store.url", .derived("`sqlite:<data.dir>/towline.db`"), nil),
            ("store.connections", "6", nil),
            ("objects.url", .derived("`file:<data.dir>/media`"), nil),
            ("objects.access-key-id", .derived("`AWS_ACCESS_KEY_ID`, with `AWS_SESSION_TOKEN`"), nil),
            ("objects.access-key-secret", .derived("`AWS_SECRET_ACCESS_KEY`"), nil),
            ("objects.part-memory-bytes", "32 MiB", nil),
            ("roles", "api,pull,deliver,queue,console", nil),
            ("node.id", .derived("the host name and a random part"), nil),
            ("shutdown.timeout-seconds", "10", nil),
            ("lease.seconds", "30", nil),
            ("pull.concurrency", "64", nil),
            ("pull.per-origin", "8", nil),
            ("pull.per-account", "0", nil),
            ("pull.per-origin-per-second", "0", nil),
            ("pull.max-retry-after-seconds", "3600", nil),
            ("pull.max-bytes-per-second", "0", nil),
            ("pull.transfer-max-bytes-per-second", "0", nil),
            ("pull.expire-waiting-seconds", "0", nil),
            ("pull.max-connections", "16", nil),
            ("pull.max-bytes", "20 GiB", nil),
            ("pull.retries", "5", nil),
            ("pull.connect-timeout-seconds", "10", nil),
            ("pull.first-byte-timeout-seconds", "30", nil),
            ("pull.idle-timeout-seconds", "30", nil),
            ("pull.dns-timeout-seconds", "10", nil),
            ("pull.min-bytes-per-second", "1000", nil),
            ("pull.max-redirects", "10", nil),
            ("pull.total-timeout-seconds", "86400", nil),
            ("pull.small-object-bytes", "256 KiB", nil),
            ("pull.checkpoint-bytes", "64 MiB", nil),
            ("pull.checkpoint-seconds", "30", nil),
            ("pull.read-buffer-bytes", "32 MiB", nil),
            ("net.source.allow", "", .text(Settings.devNetworks.joined(separator: ","))),
            ("net.callback.allow", "", .text(Settings.devNetworks.joined(separator: ","))),
            ("net.deny", "", nil),
            ("net.dns-servers", .derived("the system's"), nil),
            ("net.ca-file", .unset, nil),
            ("net.source-headers-file", .unset, nil),
            ("net.proxy", .unset, nil),
            ("net.no-proxy", "", nil),
            ("delivery.policy", "durable", "exact"),
            ("delivery.timeout-seconds", "5", nil),
            ("delivery.concurrency", "256", nil),
            ("delivery.per-endpoint", "8", nil),
            ("delivery.per-endpoint-per-second", "0", nil),
            ("delivery.schedule", "5,30,120,600,1800,3600,7200,18000,36000,72000,136800", nil),
            ("delivery.max-retry-after-seconds", "3600", nil),
            ("delivery.answer-timeout-seconds", "1", nil),
            ("delivery.breaker-failures", "8", nil),
            ("delivery.breaker-pause-seconds", "5", nil),
            ("delivery.breaker-max-pause-seconds", "300", nil),
            ("delivery.disable-after-hours", "120", nil),
            ("delivery.log-retention-days", "30", nil),
            ("queue.body-encoding", "base64", nil),
            ("queue.create-missing", "false", "true"),
            ("queue.max-waiting-receives", "10000", nil),
            ("queue.remote-endpoint", .unset, nil),
            ("queue.remote-access-key-id", .unset, nil),
            ("queue.remote-access-key-secret", .unset, nil),
            ("limits.upload-media-by-url-per-second", "100", "0"),
            ("limits.get-url-upload-infos-per-second", "100", "0"),
            ("limits.cancel-url-upload-jobs-per-second", "50", "0"),
            ("limits.set-message-callback-per-second", "15", "0"),
            ("limits.get-message-callback-per-second", "15", "0"),
            ("limits.delete-message-callback-per-second", "15", "0"),
            ("log.level", "info", nil),
            ("log.format", "text", nil),
        ]
        #expect(SettingsKey.table.map(\.name) == expected.map(\.0))
        for (key, (_, serveDefault, devDefault)) in zip(SettingsKey.table, expected) {
            #expect(key.serveDefault == serveDefault, "\(key.name)")
            #expect(key.devDefault == devDefault, "\(key.name)")
        }
    }

    @Test(
        "gives each setting a flag, a variable and nested keys",
        arguments: [
            ("pull.concurrency", "--pull-concurrency", "TOWLINE_PULL_CONCURRENCY", ["pull", "concurrency"]),
            ("pull.per-origin", "--pull-per-origin", "TOWLINE_PULL_PER_ORIGIN", ["pull", "per-origin"]),
            ("net.source.allow", "--net-source-allow", "TOWLINE_NET_SOURCE_ALLOW", ["net", "source", "allow"]),
            ("roles", "--roles", "TOWLINE_ROLES", ["roles"]),
        ])
    func derivedNames(name: String, flag: String, variable: String, components: [String]) throws {
        let key = try #require(SettingsKey.named(name))
        #expect(key.flag == flag)
        #expect(key.environmentVariable == variable)
        #expect(key.components == components)
    }

    @Test("has no two settings that share a flag or a variable, and none that is a group of others")
    func unique() {
        let flags = SettingsKey.table.flatMap { [$0.flag] + $0.flagAliases.map { "--" + $0 } }
        #expect(Set(flags).count == flags.count)
        #expect(Set(SettingsKey.table.map(\.environmentVariable)).count == SettingsKey.table.count)
        for key in SettingsKey.table {
            #expect(!SettingsKey.table.contains { $0.name.hasPrefix(key.name + ".") }, "\(key.name)")
        }
    }

    @Test("has only fixed defaults that their settings take", arguments: Settings.Mode.allCases)
    func defaults(mode: Settings.Mode) {
        for key in SettingsKey.table {
            guard case .text(let text) = key.defaultValue(in: mode) else { continue }
            #expect(key.kind.parse(.scalar(text)) != nil, "\(key.name)")
        }
    }

    @Test(
        "marks the admin token, the proxy with its login and the secret of remote queues, and nothing else, as secret")
    func secrets() {
        #expect(
            SettingsKey.table.filter(\.isSecret).map(\.name) == [
                "admin.token", "store.url", "objects.access-key-secret", "net.proxy", "queue.remote-access-key-secret",
            ])
    }

    @Test("has no setting that changes nothing")
    func everySettingCounts() throws {
        let base = [
            "api.tls-certificate": "a.pem", "api.tls-key": "a.key", "admin.token": "first", "data.dir": "/a",
            "objects.access-key-id": "first", "objects.access-key-secret": "first",
            "queue.remote-endpoint": "http://first.test", "queue.remote-access-key-id": "first",
            "queue.remote-access-key-secret": "first",
        ]
        let unchanged = try loadSettings(flags: base)
        for key in SettingsKey.table {
            var flags = base
            flags[key.name] = otherValue(of: key.kind)
            #expect(try loadSettings(flags: flags) != unchanged, "\(key.name)")
        }
    }

    /// A value that no default of `serve` has.
    private func otherValue(of kind: SettingsKind) -> String {
        switch kind {
        case .integer(let range): "\(range.contains(19) ? 19 : range.lowerBound)"
        case .seconds: "19"
        case .rate: "0.5"
        case .bytes(let range): "\(range.upperBound)"
        case .boolean: "true"
        case .choice(let words): words.first { !["durable", "info", "text", "base64"].contains($0) } ?? ""
        case .choices: "api"
        case .waits: "1,2"
        case .networks: "192.0.2.0/24"
        case .nameServers: "192.0.2.53"
        case .listen: "127.0.0.1:1"
        case .webURL: "https://towline.example"
        case .proxy: "http://proxy.example:3128"
        case .proxyExceptions: "files.example.com"
        case .storeURL: "sqlite:/other.db"
        case .objectsURL: "file:/other"
        case .path: "/other"
        case .nodeName, .token: "other"
        }
    }
}
