import Testing
import TowlineCore

@Suite("JSON from outside")
struct JSONParserTests {
    @Test(
        "what was written is read back the same",
        arguments: [
            "{}", "[]", "null", "true", "-1.5e+10", "\"\"", "{\"a\":[1,{\"b\":\"c\"}],\"z\":false}",
            "\"\\\"\\\\\\n\\t\"",
            "\"视频 é\"", "[0,10,-0.5]",
        ])
    func roundTrip(text: String) throws {
        #expect(try JSONParser.parse(text).compactText == text)
    }

    @Test("white space, escapes and surrogate pairs are understood")
    func escapes() throws {
        let value = try JSONParser.parse(" {\r\n\t\"a\" : \"\\u0041\\ud83d\\ude00\\/\" } ")
        #expect(value["a"]?.string == "A😀/")
    }

    @Test(
        "wrong or hostile text is refused with a reason",
        arguments: [
            ("", "ends"), ("{", "quotes"), ("[1,]", "unexpected"), ("{\"a\":1,}", "quotes"),
            ("01", "unexpected character"),
            ("1.", "digits"), ("1e", "digits"), ("+1", "unexpected"), ("nul", "unexpected"), ("\"a", "inside a string"),
            ("\"\u{1}\"", "control"), ("\"\\q\"", "escape"), ("\"\\u12\"", "hexadecimal"), ("\"\\ud800\"", "surrogate"),
            ("\"\\ud800\\u0041\"", "surrogate"), ("\"\\udc00\"", "surrogate"), ("\"\\u0000\"", "NUL"),
            ("{\"a\":1,\"a\":2}", "twice"), ("{} {}", "after the value"), ("{\"a\" 1}", "colon"), ("[1 2]", "comma"),
        ])
    func refused(text: String, reason: String) {
        let error = #expect(throws: JSONParseError.self) { try JSONParser.parse(text) }
        #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "no error")")
    }

    @Test("depth and size have limits")
    func limits() throws {
        let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        _ = try JSONParser.parse(deep)
        #expect(throws: JSONParseError.self) { try JSONParser.parse("[" + deep + "]") }
        #expect(throws: JSONParseError.self) {
            try JSONParser.parse(String(repeating: "[", count: 200_000))
        }
        var limits = JSONParser.Limits()
        limits.maxBytes = 4
        #expect(throws: JSONParseError.self) { try JSONParser.parse("[1,2]", limits: limits) }
    }

    @Test("bytes that are not UTF-8 are refused")
    func invalidUTF8() {
        #expect(throws: JSONParseError.self) { try JSONParser.parse([0x22, 0xFF, 0x22]) }
    }

    @Test("control characters are escaped when written")
    func controlCharacters() {
        #expect(JSONValue.string("\u{1}\u{7F}\r").compactText == "\"\\u0001\\u007f\\r\"")
    }
}
