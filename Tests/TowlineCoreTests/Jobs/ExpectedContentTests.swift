import Testing
import TowlineCore

@Suite("What a caller says a file must be")
struct ExpectedContentTests {
    private static let digests = ContentDigests(crc64: 5, sha256: "aa", md5: "bb")

    private static func expect(_ change: (inout ExpectedContent) -> Void) -> ExpectedContent {
        var expected = ExpectedContent()
        change(&expected)
        return expected
    }

    static let fulfilled = [
        ExpectedContent(), expect { $0.bytes = 3 }, expect { $0.crc64 = 5 }, expect { $0.sha256 = "aa" },
        expect { $0.md5 = "bb" },
        expect {
            $0.bytes = 3
            $0.crc64 = 5
            $0.sha256 = "aa"
            $0.md5 = "bb"
        },
    ]

    static let broken: [(ExpectedContent, String)] = [
        (expect { $0.bytes = 4 }, "4 were expected"), (expect { $0.crc64 = 6 }, "CRC-64 is 5; 6"),
        (expect { $0.sha256 = "ab" }, "SHA-256"), (expect { $0.md5 = "bc" }, "MD5"),
        (
            expect {
                $0.bytes = 3
                $0.md5 = "bc"
            }, "MD5"
        ),
    ]

    @Test(
        "a file that is what was expected passes, and so does one of which nothing was expected", arguments: fulfilled)
    func passes(expected: ExpectedContent) {
        #expect(expected.judge(bytes: 3, digests: Self.digests) == nil)
        #expect(expected.judge(bytes: 3) == nil)
        #expect(ExpectedContent(json: expected.json) == expected)
    }

    @Test("a file that is not says in what", arguments: broken)
    func fails(expected: ExpectedContent, mentioned: String) {
        let failure = expected.judge(bytes: 3, digests: Self.digests)
        #expect(failure?.code == .contentMismatch)
        #expect(failure?.message.contains(mentioned) == true, "\(String(describing: failure))")
        #expect(ExpectedContent(json: expected.json) == expected)
    }

    @Test("a digest that was not computed is no match")
    func missing() {
        let expected = Self.expect { $0.sha256 = "aa" }
        #expect(expected.judge(bytes: 3, digests: ContentDigests(crc64: 5)) != nil)
    }
}
