import Foundation
import Testing
import VODEvents

@Suite("Queue messages")
struct QueueMessageTests {
    private let json = Oddities(rawValue: 255).failure

    @Test("plain text, base64 and base64 in lines read the same")
    func forms() throws {
        let expected = try VODEvent(decoding: Array(json.utf8))
        let base64 = Data(json.utf8).base64EncodedString()
        let lines = Data(json.utf8).base64EncodedString(options: [.lineLength64Characters])
        for body in [json, " \n" + json, "\u{FEFF}" + json, base64, lines + "\r\n"] {
            #expect(try VODEvent(queueMessageBody: body) == expected)
            #expect(try VODEvent(queueMessageBody: Data(body.utf8)) == expected)
        }
    }

    @Test(
        "text that is neither JSON nor base64 of it is refused with the reason",
        arguments: [
            ("", VODEventError.Code.notBase64), ("hello world!", .notBase64), ("e30", .notBase64),
            ("aGVsbG8=", .notJSON),
            ("{", .notJSON), ("W10=", .notAnObject), ("e30=", .missingEventType),
        ])
    func refused(_ body: String, _ code: VODEventError.Code) {
        let error = #expect(throws: VODEventError.self) { try VODEvent(queueMessageBody: body) }
        #expect(error?.code == code)
    }

    @Test("the size limit holds before and after base64 decoding")
    func limits() throws {
        let limits = VODEvent.DecodingLimits(maximumBytes: 40)
        let fitting = #"{"EventType":"E","x":"\#(String(repeating: "y", count: 40 - 24))"}"#
        #expect(fitting.utf8.count == 40)
        #expect(throws: Never.self) {
            try VODEvent(queueMessageBody: Data(fitting.utf8).base64EncodedString(), limits: limits)
        }
        for body in [Data((fitting + " ").utf8).base64EncodedString(), String(repeating: "A", count: 1000)] {
            let error = #expect(throws: VODEventError.self) { try VODEvent(queueMessageBody: body, limits: limits) }
            #expect(error?.code == .bodyTooLarge)
        }
    }
}
