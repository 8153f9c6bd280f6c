import Foundation
import Testing
import VODEvents

/// A small generator with a seed, so that a failure can be repeated.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

@Suite("Hostile bodies")
struct HostileBodyTests {
    @Test(
        "text that is not JSON is refused with code and place",
        arguments: [
            ("", .notJSON, 0), ("   ", .notJSON, 3), ("{", .notJSON, 1), (#"{"a"}"#, .notJSON, 4),
            (#"{"a":}"#, .notJSON, 5), (#"{"a":1"#, .notJSON, 6), (#"{"a":1,,}"#, .notJSON, 7), ("{,}", .notJSON, 1),
            ("[,]", .notJSON, 1), ("[1,,2]", .notJSON, 3), ("[1 2]", .notJSON, 3), (#"{"a":1} x"#, .notJSON, 8),
            (#"{"a":1}{}"#, .notJSON, 7), ("{a:1}", .notJSON, 1), ("{'a':1}", .notJSON, 1), ("[tru]", .notJSON, 1),
            ("[nul", .notJSON, 1), ("[01]", .notJSON, 2), ("[.5]", .notJSON, 1), ("[1.]", .notJSON, 3),
            ("[1e]", .notJSON, 3), ("[-]", .notJSON, 2), ("[+1]", .notJSON, 1), ("[NaN]", .notJSON, 1),
            ("[0x10]", .notJSON, 2), ("// c\n{}", .notJSON, 0), (#"["\x"]"#, .notJSON, 3),
            (#"["\u12g4"]"#, .notJSON, 6),
            ("[\"a\nb\"]", .notJSON, 3), ("[\"a\u{0}\"]", .notJSON, 3), (#"["abc"#, .notJSON, 5),
            (#"["\"#, .notJSON, 3),
            (#"["\ud800"]"#, .notUTF8, 4), (#"["\udc00"]"#, .notUTF8, 4), (#"["\ud800\u0041"]"#, .notUTF8, 4),
            (#"["\ud800x"]"#, .notUTF8, 4), (#"{"a":1,"a":2}"#, .duplicateMember, 7),
            (#"{"x":{"a":1,"\u0061":2}}"#, .duplicateMember, 12),
            ("[]", .notAnObject, nil), ("1", .notAnObject, nil), (#""x""#, .notAnObject, nil),
            ("null", .notAnObject, nil),
            ("{}", .missingEventType, nil), (#"{"EventType":""}"#, .missingEventType, nil),
            (#"{"EventType":null}"#, .missingEventType, nil), (#"{"EventType":{"a":1}}"#, .missingEventType, nil),
            (#"{"eventtype":"E"}"#, .missingEventType, nil),
        ] as [(String, VODEventError.Code, Int?)])
    func refused(_ text: String, _ code: VODEventError.Code, _ offset: Int?) {
        let error = #expect(throws: VODEventError.self) { try VODEvent(decoding: Array(text.utf8)) }
        #expect(error?.code == code)
        #expect(error?.offset == offset)
    }

    @Test("bytes that are not UTF-8 are refused")
    func invalidUTF8() {
        for bytes: [UInt8] in [[0xFF], [0xC3], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]] {
            let body = Array(#"{"EventType":"E"#.utf8) + bytes + Array(#""}"#.utf8)
            let error = #expect(throws: VODEventError.self) { try VODEvent(decoding: body) }
            #expect(error?.code == .notUTF8)
        }
    }

    @Test("names that differ in bytes are different names, even if Swift holds them equal")
    func canonicallyEquivalentNames() throws {
        let event = try VODEvent(decoding: Array("{\"EventType\":\"E\",\"\u{E9}\":1,\"e\u{301}\":2}".utf8))
        #expect(event.members["\u{E9}"]?.integer == 1)
        #expect(event.members["e\u{301}"]?.integer == 2)
    }

    @Test("escapes and surrogate pairs are read")
    func escapes() throws {
        let body = #"{"EventType":"E","x":"\"\\\/\b\f\n\r\t\u0041\ud83d\ude00\u0000é"}"#
        let event = try VODEvent(decoding: Array(body.utf8))
        #expect(event.members["x"] == .string("\"\\/\u{8}\u{C}\n\r\tA\u{1F600}\u{0}é"))
    }

    @Test("what was read can be written and read again")
    func roundTrip() throws {
        let body = #"{"EventType":"E","a ":[1,-2.5e+10,0,true,false,null,{},[]],"t":"\"\\\n\r\t\u0001é😀"}"#
        let event = try VODEvent(decoding: Array(body.utf8))
        #expect(event.members.jsonText == body)
        #expect(try VODEvent(decoding: Array(event.members.jsonText.utf8)) == event)
    }

    @Test("nesting is allowed up to the limit and refused beyond it")
    func depth() throws {
        func body(levels: Int) -> [UInt8] {
            let inner = String(repeating: "[", count: levels - 1) + String(repeating: "]", count: levels - 1)
            return Array("{\"EventType\":\"E\",\"x\":\(inner.isEmpty ? "1" : inner)}".utf8)
        }
        #expect(throws: Never.self) { try VODEvent(decoding: body(levels: 64)) }
        #expect(throws: Never.self) {
            try VODEvent(decoding: body(levels: 1), limits: VODEvent.DecodingLimits(maximumDepth: 1))
        }
        for (levels, maximum) in [(65, 64), (2, 1), (257, 100_000)] {
            let limits = VODEvent.DecodingLimits(maximumDepth: maximum)
            let error = #expect(throws: VODEventError.self) {
                try VODEvent(decoding: body(levels: levels), limits: limits)
            }
            #expect(error?.code == .tooDeep)
        }
    }

    @Test("endless nesting is refused at once", arguments: ["[", "{\"a\":", "[{\"a\":"])
    func endlessNesting(_ piece: String) {
        let text = String(repeating: piece, count: 100_000)
        let error = #expect(throws: VODEventError.self) { try VODEvent(decoding: Array(text.utf8)) }
        #expect(error?.code == .tooDeep)
    }

    @Test("a body over the size limit is refused and one of exactly that size is read")
    func size() throws {
        let head = #"{"EventType":"E","x":""#
        let fitting = head + String(repeating: "y", count: (1 << 20) - head.utf8.count - 2) + "\"}"
        #expect(fitting.utf8.count == 1 << 20)
        #expect(throws: Never.self) { try VODEvent(decoding: Array(fitting.utf8)) }
        let error = #expect(throws: VODEventError.self) { try VODEvent(decoding: Array((fitting + " ").utf8)) }
        #expect(error?.code == .bodyTooLarge)
    }

    @Test("an object with very many members is read without growing slow")
    func manyMembers() throws {
        let members = (0..<20_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",")
        let event = try VODEvent(decoding: Array("{\(members),\"EventType\":\"E\"}".utf8))
        #expect(event.members["k19999"]?.integer == 19_999)
    }

    @Test("every beginning of a body is refused, never a crash")
    func truncation() {
        let body = Array(Oddities(rawValue: 255).failure.utf8)
        for length in 0..<body.count {
            #expect(throws: VODEventError.self) { try VODEvent(decoding: body[..<length]) }
        }
    }

    @Test("random damage gives an event or a typed error, never a crash", arguments: 0..<8)
    func damage(_ seed: Int) {
        var generator = SeededGenerator(state: UInt64(seed))
        let body = Array(#"{"EventType":"E","a":["\ud83d\ude00\n",-1.5e3,{"b":null,},],"Size":"5"}"#.utf8)
        var read = 0
        for _ in 0..<2000 {
            var damaged = body
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let index = damaged.indices.randomElement(using: &generator) ?? 0
                damaged[index] = UInt8.random(in: 0...255, using: &generator)
            }
            do throws(VODEventError) {
                _ = try VODEvent(decoding: damaged)
                read += 1
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
        #expect(read < 2000)
    }

    @Test("errors are labelled for metrics and do not repeat values")
    func descriptions() {
        let error = #expect(throws: VODEventError.self) {
            try VODEvent(decoding: Array(#"{"secret":"abc","secret":"def"}"#.utf8))
        }
        #expect(error?.code.description == "duplicate_member")
        #expect(error?.description == #"The object has the member "secret" twice (byte 16)"#)
    }
}
