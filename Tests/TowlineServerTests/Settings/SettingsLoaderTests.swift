import Testing
import TowlineCore

@testable import TowlineServer

@Suite("Settings in force")
struct SettingsLoaderTests {
    @Test("are the strongest layer's: flags over environment over file over defaults")
    func precedence() throws {
        try withSettingsFile(Array("pull: {retries: 2, per-origin: 2, max-redirects: 2}".utf8)) { path in
            let settings = try loadSettings(
                flags: ["pull.retries": "4"],
                environment: ["TOWLINE_PULL_RETRIES": "3", "TOWLINE_PULL_PER_ORIGIN": "3"],
                file: path)
            #expect(settings.pull.attempts == 4)
            #expect(settings.pull.perOrigin == 3)
            #expect(settings.pull.maxRedirects == 2)
            #expect(settings.pull.concurrency == 64)
        }
    }

    @Test("of serve are closed: no inner networks, limits as the original's, durable deliveries")
    func serveDefaults() throws {
        let settings = try loadSettings(.serve)
        #expect(settings.mode == .serve)
        #expect(settings.api.listen == .init(host: "127.0.0.1", port: 8787))
        #expect(settings.api.publicURL == nil)
        #expect(settings.api.tls == nil)
        #expect(settings.api.maxTargetBytes == 524_288)
        #expect(settings.api.maxBodyBytes == 2_097_152)
        #expect(settings.admin.listen == .init(host: "127.0.0.1", port: 8788))
        #expect(settings.admin.token == nil)
        #expect(settings.data == .init(path: "./towline-data", isTemporary: false))
        #expect(settings.secretsKeyFile == "./towline-data/secret.key")
        #expect(settings.store == .sqlite(path: "./towline-data/towline.db"))
        #expect(settings.objects == .folder(path: "./towline-data/media"))
        #expect(settings.roles == Set(Settings.Role.allCases))
        #expect(settings.nodeID == "box.example-0123456789abcdef")
        #expect(settings.lease == .seconds(30))
        #expect(settings.pull.maxConnections == 16)
        #expect(settings.pull.maxBytes == 21_474_836_480)
        #expect(settings.pull.connectTimeout == .seconds(10))
        #expect(settings.pull.firstByteTimeout == .seconds(30))
        #expect(settings.pull.idleTimeout == .seconds(30))
        #expect(settings.pull.dnsTimeout == .seconds(10))
        #expect(settings.pull.minBytesPerSecond == 1_000)
        #expect(settings.pull.totalTimeout == .seconds(86_400))
        #expect(settings.pull.smallObjectBytes == 262_144)
        #expect(settings.pull.checkpointBytes == 67_108_864)
        #expect(settings.pull.checkpointTime == .seconds(30))
        #expect(settings.pull.readBufferBytes == 33_554_432)
        #expect(settings.net == .init(sourceAllow: [], callbackAllow: [], deny: [], dnsServers: [], caFile: nil))
        #expect(settings.delivery.policy == .durable)
        #expect(settings.delivery.timeout == .seconds(5))
        #expect(settings.limits.uploadMediaByURL == 100)
        #expect(settings.limits.getURLUploadInfos == 100)
        #expect(settings.limits.cancelURLUploadJobs == 50)
        #expect(settings.limits.setMessageCallback == 15)
        #expect(settings.limits.getMessageCallback == 15)
        #expect(settings.limits.deleteMessageCallback == 15)
        #expect(settings.log == .init(level: .info, format: .text))
    }

    @Test("of dev are open to the own machine and network, without limits, in a temporary folder")
    func devDefaults() throws {
        let settings = try loadSettings(.dev)
        #expect(settings.mode == .dev)
        #expect(settings.data == .init(path: "/var/tmp/towline-dev-0123456789abcdef", isTemporary: true))
        #expect(settings.store == .sqlite(path: "/var/tmp/towline-dev-0123456789abcdef/towline.db"))
        #expect(settings.net.sourceAllow.map(\.description) == Settings.devNetworks)
        #expect(settings.net.callbackAllow.map(\.description) == Settings.devNetworks)
        #expect(settings.delivery.policy == .exact)
        #expect(settings.limits.uploadMediaByURL == 0)
        #expect(settings.limits.deleteMessageCallback == 0)
    }

    @Test("keep everything under the data folder that was set, unless it is set itself")
    func dataFolder() throws {
        let settings = try loadSettings(.dev, flags: ["data.dir": "/srv/towline/", "objects.url": "file:/media"])
        #expect(settings.data == .init(path: "/srv/towline", isTemporary: false))
        #expect(settings.secretsKeyFile == "/srv/towline/secret.key")
        #expect(settings.store == .sqlite(path: "/srv/towline/towline.db"))
        #expect(settings.objects == .folder(path: "/media"))
    }

    @Test("make a node's name of what a host name may lend it")
    func nodeName() throws {
        func name(_ host: String) throws -> String {
            let host = SettingsLoader.Host(name: host, temporaryFolder: "/tmp", random: { "00000000000000ff" })
            return try SettingsLoader(mode: .dev, environment: [:], host: host).load().nodeID
        }
        #expect(try name("box") == "box-00000000000000ff")
        #expect(try name("") == "node-00000000000000ff")
        #expect(try name("bäd name") == "bdname-00000000000000ff")
        let long = try name(String(repeating: "a", count: 200))
        #expect(SettingsKind.nodeName.parse(.scalar(long)) != nil)
    }

    @Test("take the machine's name and its folder for temporary folders")
    func currentHost() throws {
        let host = SettingsLoader.Host.current(["TMPDIR": "/scratch/"])
        #expect(host.temporaryFolder == "/scratch")
        #expect(SettingsLoader.Host.current(["TMPDIR": "relative"]).temporaryFolder == "/tmp")
        #expect(SettingsLoader.Host.current([:]).temporaryFolder == "/tmp")
        #expect(!host.name.isEmpty)
        let random = host.random()
        #expect(random.utf8.count == 16 && random.allSatisfy(\.isHexDigit))
        #expect(host.random() != random)
    }

    @Test("give the URL that others are built from")
    func publicURL() throws {
        #expect(try loadSettings().api.effectivePublicURL(port: 8787) == "http://127.0.0.1:8787")
        #expect(
            try loadSettings(flags: ["api.listen": "[::1]:0"]).api.effectivePublicURL(port: 4711)
                == "http://[::1]:4711")
        #expect(
            try loadSettings(flags: ["api.listen": "0.0.0.0:80"]).api.effectivePublicURL(port: 80)
                == "http://127.0.0.1:80")
        #expect(
            try loadSettings(flags: ["api.listen": "[::]:80"]).api.effectivePublicURL(port: 80) == "http://[::1]:80")
        let tls = ["api.tls-certificate": "a.pem", "api.tls-key": "a.key"]
        let settings = try loadSettings(flags: tls)
        #expect(settings.api.tls == .init(certificateFile: "a.pem", keyFile: "a.key"))
        #expect(settings.api.effectivePublicURL(port: 8787) == "https://127.0.0.1:8787")
        #expect(
            try loadSettings(flags: ["api.public-url": "https://vod.example/"]).api.effectivePublicURL(port: 1)
                == "https://vod.example")
    }

    @Test("treat an empty value as the default where that is no fixed value, and as an empty list")
    func emptyValues() throws {
        let file = "net: {ca-file: /a.pem, deny: [192.0.2.1]}\nstore: {url: 'sqlite:/x'}\n"
        try withSettingsFile(Array(file.utf8)) { path in
            let settings = try loadSettings(
                flags: ["net.ca-file": ""], environment: ["TOWLINE_NET_DENY": "", "TOWLINE_STORE_URL": ""], file: path)
            #expect(settings.net.caFile == nil)
            #expect(settings.net.deny == [])
            #expect(settings.store == .sqlite(path: "./towline-data/towline.db"))
        }
        #expect(try loadSettings(.dev, flags: ["data.dir": ""]).data.isTemporary)
    }

    @Test(
        "are refused with the setting, the value, what it takes and where it was set",
        arguments: [
            (
                ["pull.retries": "many"], [:],
                "pull.retries takes a whole number from 1 to 100, not \"many\" (set by --pull-retries)"
            ),
            (
                [:], ["TOWLINE_PULL_RETRIES": "0"],
                "pull.retries takes a whole number from 1 to 100, not \"0\" (set by TOWLINE_PULL_RETRIES)"
            ),
            (
                [:], ["TOWLINE_PULL_RETRIES": ""],
                "pull.retries takes a whole number from 1 to 100, not an empty value (set by TOWLINE_PULL_RETRIES)"
            ),
            (
                ["lease.seconds": "2.999"], [:],
                "lease.seconds takes a number of seconds from 3 to 3600, not \"2.999\" (set by --lease-seconds)"
            ),
            (
                ["data.dir": ""], [:], "data.dir takes a path, not an empty value (set by --data-dir)"
            ),
            (
                ["store.url": "mysql://towline:hunter2@db/towline"], [:],
                "store.url takes sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE (set by --store-url)"
            ),
            (
                ["objects.url": "s4://bucket"], [:],
                "objects.url takes file:PATH or s3://BUCKET/PREFIX?endpoint=URL&region=REGION&path-style=true, "
                    + "not \"s4://bucket\" (set by --objects-url)"
            ),
            (
                ["objects.url": "s3://bucket?regoin=eu-1"], [:],
                "objects.url: there is no key 'regoin'; there are endpoint, region, path-style, sse, sse-kms-key-id, "
                    + "storage-class, checksum (set by --objects-url)"
            ),
            (
                ["delivery.policy": "never"], [:],
                "delivery.policy takes exact or durable, not \"never\" (set by --delivery-policy)"
            ),
            (
                [:], ["TOWLINE_ADMIN_TOKEN": "hunter 2"],
                "admin.token takes 1 to 256 visible ASCII characters without spaces (set by TOWLINE_ADMIN_TOKEN)"
            ),
            (
                ["log.level": "de\u{1B}[31m\nbug"], [:],
                "log.level takes trace, debug, info, notice, warning, error or critical, "
                    + "not \"de\u{FFFD}[31m\u{FFFD}bug\" (set by --log-level)"
            ),
        ] as [([String: String], [String: String], String)])
    func wrongValues(flags: [String: String], environment: [String: String], description: String) throws {
        let error = settingsError { _ = try loadSettings(flags: flags, environment: environment) }
        #expect(error?.code == .wrongValue)
        #expect(error?.description == description)
        #expect(error?.key.map { description.hasPrefix($0) } == true)
    }

    @Test("take a bucket's key from the settings as a whole, or from the variables that the tools of S3 share")
    func bucketKey() throws {
        let shared = ["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c"]
        let key = SettingsLoader.Host.current(shared).objectsKey
        #expect(key == .init(id: "a", secret: .init("b"), sessionToken: .init("c")))
        #expect(SettingsLoader.Host.current(["AWS_ACCESS_KEY_ID": "a"]).objectsKey == nil)
        var host = SettingsLoader.Host(name: "box", temporaryFolder: "/tmp", random: { "0" })
        host.objectsKey = key
        let url = ["objects.url": "s3://bucket/in"]
        let loader = SettingsLoader(mode: .serve, environment: [:], host: host)
        #expect(try loader.load(flags: url).objectsKey == key)
        let own = ["objects.access-key-id": "d", "objects.access-key-secret": "e"]
        #expect(try loader.load(flags: url.merging(own) { $1 }).objectsKey == .init(id: "d", secret: .init("e")))
        let half = settingsError { _ = try loader.load(flags: ["objects.access-key-id": "d"]) }
        #expect(half?.key == "objects.access-key-secret")
        let none = settingsError { _ = try loadSettings(flags: url) }
        #expect(none?.code == .conflict && none?.description.contains("AWS_ACCESS_KEY_ID") == true)
    }

    @Test("do not show more of a wrong value than helps")
    func longValue() {
        let error = settingsError {
            _ = try loadSettings(flags: ["pull.retries": String(repeating: "9", count: 10_000)])
        }
        #expect(
            error?.description
                == "pull.retries takes a whole number from 1 to 100, not \"\(String(repeating: "9", count: 100))…\" "
                + "(set by --pull-retries)")
    }

    @Test("are refused when a weaker layer is right but the stronger one wrong")
    func strongestLayerCounts() {
        let error = settingsError {
            _ = try loadSettings(flags: ["pull.retries": "x"], environment: ["TOWLINE_PULL_RETRIES": "3"])
        }
        #expect(error?.code == .wrongValue)
    }

    @Test("are refused when they do not go together")
    func conflicts() throws {
        let cases: [([String: String], String)] = [
            (["api.tls-certificate": "a.pem"], "api.tls-key must be set when api.tls-certificate is"),
            (["api.tls-key": "a.key"], "api.tls-certificate must be set when api.tls-key is"),
            (
                ["admin.listen": "0.0.0.0:8788"],
                "admin.token must be set when admin.listen (0.0.0.0:8788) is not a loopback address"
            ),
            (
                ["admin.listen": "[::]:8788", "admin.token": ""],
                "admin.token must be set when admin.listen ([::]:8788) is not a loopback address"
            ),
            (
                ["admin.listen": "127.0.0.1:8787"],
                "admin.listen and api.listen are both 127.0.0.1:8787 but must differ"
            ),
        ]
        for mode in Settings.Mode.allCases {
            for (flags, description) in cases {
                let error = settingsError { _ = try loadSettings(mode, flags: flags) }
                #expect(error?.code == .conflict)
                #expect(error?.description == description)
            }
        }
        #expect(try loadSettings(flags: ["admin.listen": "0.0.0.0:1", "admin.token": "t"]).admin.token?.value == "t")
        #expect(try loadSettings(flags: ["admin.listen": "127.0.0.1:0", "api.listen": "127.0.0.1:0"]).mode == .serve)
    }

    @Test("refuse a name that a command made up")
    func unknownName() {
        let error = settingsError { _ = try loadSettings(flags: ["pull.retry": "1"]) }
        #expect(error?.code == .unknownSetting)
        #expect(error?.description == "there is no setting pull.retry; the nearest one is pull.retries")
    }

    @Test("never show the token when they are printed")
    func secrets() throws {
        let settings = try loadSettings(flags: ["admin.token": "hunter2"])
        var dumped = ""
        dump(settings, to: &dumped)
        #expect(settings.admin.token?.value == "hunter2")
        #expect(!dumped.contains("hunter2") && dumped.contains("(hidden)"))
        #expect(!"\(settings)".contains("hunter2"))
        #expect(!String(reflecting: settings).contains("hunter2"))
    }

    @Test("end a command as wrong usage does, with fixed labels for each kind of fault")
    func codes() {
        #expect(SettingsError.exitCode == 2)
        #expect(SettingsError.Code.wrongValue.description == "settings.wrong-value")
        #expect(SettingsError.Code.unreadableFile.description == "settings.unreadable-file")
    }
}
