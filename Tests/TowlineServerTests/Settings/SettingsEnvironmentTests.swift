import Testing
import TowlineCore

@testable import TowlineServer

@Suite("Settings from the environment")
struct SettingsEnvironmentTests {
    @Test("are read from variables with the prefix alone")
    func values() throws {
        let settings = try loadSettings(environment: [
            "TOWLINE_PULL_PER_ORIGIN": "3", "PULL_CONCURRENCY": "5", "TOWLINE_NET_DENY": "192.0.2.0/24,198.51.100.7",
            "TOWLINE_ADMIN_TOKEN": "s3cr3t", "HOME": "/root", "towline_pull_retries": "x",
        ])
        #expect(settings.pull.perOrigin == 3)
        #expect(settings.pull.concurrency == 64)
        #expect(settings.net.deny.map(\.description) == ["192.0.2.0/24", "198.51.100.7/32"])
        #expect(settings.admin.token?.value == "s3cr3t")
    }

    @Test(
        "are refused when the variable means nothing",
        arguments: [
            (
                "TOWLINE_PULL_CONCURENCY",
                "there is no environment variable TOWLINE_PULL_CONCURENCY; the nearest one is TOWLINE_PULL_CONCURRENCY"
            ),
            (
                "TOWLINE_DATA",
                "there is no environment variable TOWLINE_DATA; the nearest one is TOWLINE_DATA_DIR"
            ),
            (
                "TOWLINE_API_URI",
                "there is no environment variable TOWLINE_API_URI; the nearest one is TOWLINE_API_URL"
            ),
            (
                "TOWLINE_API_PORT",
                "there is no environment variable TOWLINE_API_PORT; the nearest one is TOWLINE_API_URL"
            ),
            (
                "TOWLINE_COMPLETELY_DIFFERENT",
                "there is no environment variable TOWLINE_COMPLETELY_DIFFERENT; towline serve --help lists what there is"
            ),
        ])
    func unknown(name: String, description: String) {
        let error = settingsError { _ = try loadSettings(environment: [name: "1"]) }
        #expect(error?.code == .unknownSetting)
        #expect(error?.description == description)
    }

    @Test("leave alone what commands read and what Kubernetes sets for a service of this name")
    func otherVariables() throws {
        let unchanged = try loadSettings()
        let settings = try loadSettings(environment: [
            "TOWLINE_API_URL": "http://a.example", "TOWLINE_ADMIN_URL": "http://b.example",
            "TOWLINE_ACCESS_KEY_ID": "id", "TOWLINE_ACCESS_KEY_SECRET": "secret",
            "TOWLINE_SERVICE_HOST": "10.0.0.1", "TOWLINE_SERVICE_PORT": "8787", "TOWLINE_SERVICE_PORT_HTTP": "8787",
            "TOWLINE_PORT": "tcp://10.0.0.1:8787", "TOWLINE_PORT_8787_TCP": "tcp://10.0.0.1:8787",
            "TOWLINE_PORT_8787_TCP_PROTO": "tcp", "TOWLINE_PORT_8787_TCP_PORT": "8787",
            "TOWLINE_PORT_8787_TCP_ADDR": "10.0.0.1", "TOWLINE_ADMIN_SERVICE_HOST": "10.0.0.2",
            "TOWLINE_ADMIN_PORT": "tcp://10.0.0.2:8788", "TOWLINE_ADMIN_PORT_8788_TCP_ADDR": "10.0.0.2",
        ])
        #expect(settings == unchanged)
    }
}
