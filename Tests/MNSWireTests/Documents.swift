import MNSWire
import VODSignatures

/// The text of a document that was written.
func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes, as: UTF8.self)
}

/// A server's answer with this inside its root.
func answer(_ root: String, _ content: String) -> String {
    "<?xml version=\"1.0\"?>\n<\(root) xmlns=\"http://mns.aliyuncs.com/doc/v1\">\(content)</\(root)>"
}

/// A client's request with this inside its root.
func request(_ root: String, _ content: String) -> String {
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><\(root) xmlns=\"http://mns.aliyuncs.com/doc/v1/\">\(content)</\(root)>"
}

/// Documents as the official clients write them: declaration, namespace, order and blanks differ.
enum ClientForms {
    static let python = request(
        "Message",
        "<MessageBody>aGVsbG8gbW5z</MessageBody><DelaySeconds>0</DelaySeconds><Priority>8</Priority>")

    static let java = """
        <?xml version="1.0" encoding="UTF-8" standalone="no"?>\
        <Message xmlns="http://mns.aliyuncs.com/doc/v1"><Priority>8</Priority>\
        <MessageBody>aGVsbG8gbW5z</MessageBody><DelaySeconds>0</DelaySeconds></Message>
        """

    static let go =
        "<Message><MessageBody>aGVsbG8gbW5z</MessageBody><DelaySeconds>0</DelaySeconds><Priority>8</Priority></Message>"

    static let php = """
        \u{FEFF}<?xml version="1.0" encoding="UTF-8"?>
        <!-- indented, with a prefix and an unknown element -->
        <m:Message xmlns:m="http://mns.aliyuncs.com/doc/v1/" version='1'>
          <m:MessageBody><![CDATA[aGVsbG8g]]>bW5z</m:MessageBody >
          <m:DelaySeconds> 0
          </m:DelaySeconds>
          <m:Later><m:Nested/></m:Later>
          <m:Priority>8</m:Priority>
        </m:Message>

        """

    static let all = [python, java, go, php]
}

/// A small generator with a seed, so that a failure can be repeated.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
