import ServiceLifecycle
import TowlineCore

/// Knows whether the server was told to stop: the first service to hear of it, so that readiness turns false while the
/// engines drain and the listeners still answer.
struct DrainSign: Service, CustomStringConvertible {
    /// The name that service groups log; without it they would spell out every stored property.
    var description: String { "DrainSign" }

    private let flag = StopFlag()

    /// Whether the server was told to stop.
    var isDraining: Bool { flag.isSet }

    func run() async throws {
        try? await gracefulShutdown()
        flag.set()
    }
}
