import TowlineCore
import TowlineOutbound
import TowlineTesting
import TowlineWorker

extension OriginTable {
    private static func waits(
        _ name: String, _ status: Int, _ headers: String..., for time: ClosedRange<Duration>
    ) -> OriginCase {
        let lines = (["HTTP/1.1 \(status) Scripted"] + headers).map { $0 + "\r\n" }.joined()
        let answer = lines + "Content-Length: 2\r\nConnection: close\r\n\r\nno"
        return OriginCase(
            name, .waiting(time), requests: 1...1, attempts: 1...1, steps: { _ in [.expectHead, .send(answer)] }
        ) {
            $0.pull = {
                $0.retry = RetryRule(attempts: 5, firstWait: .seconds(1), longestWait: .seconds(300))
            }
        }
    }

    /// What an origin asks for by `Retry-After`: the run waits so long, and at most an hour.
    ///
    /// The waits of the rule itself are half a second to a second here.
    static let retryAfter: [OriginCase] = [
        waits("503 with seconds", 503, "Retry-After: 120", for: .seconds(120)...(.seconds(240))),
        waits("429 with seconds", 429, "Retry-After: 120", for: .seconds(120)...(.seconds(240))),
        waits("a day", 503, "Retry-After: 86400", for: .seconds(3_600)...(.seconds(3_600))),
        waits("seconds beyond all numbers", 503, "Retry-After: 99999999999999999999", for: .zero...(.seconds(3_600))),
        waits(
            "a date in the far future", 429, "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT",
            for: .seconds(3_600)...(.seconds(3_600))),
        waits("a date in the past", 503, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", for: .zero...(.seconds(1))),
        waits("no time", 503, "Retry-After: 0", for: .zero...(.seconds(1))),
        waits("less than no time", 503, "Retry-After: -5", for: .zero...(.seconds(1))),
        waits("nonsense", 429, "Retry-After: soon", for: .zero...(.seconds(1))),
        waits("503 without it", 503, for: .zero...(.seconds(1))),
    ]
}
