import Testing
import VODSignatures

@Suite("MNS authorization header")
struct MNSAuthorizationTests {
    private static let hex = String(repeating: "0a", count: 32)

    @Test(
        "a malformed header names what is wrong",
        arguments: [
            ("", .unknownScheme),
            ("MNS", .unknownScheme),
            ("mns id:sig", .unknownScheme),
            ("AWS4-HMAC-SHA256 Credential=a", .unknownScheme),
            ("MNS id", .malformed("access key id")),
            ("MNS :sig", .malformed("access key id")),
            ("MNS id x:sig", .malformed("access key id")),
            ("MNS id:", .malformed("signature")),
            ("MNS id:a b", .malformed("signature")),
            ("MNS4-HMAC-SHA256 Signature=\(hex)", .malformed("Credential")),
            ("MNS4-HMAC-SHA256 Credential=k/20250701/r/mns/aliyun_v4_request", .malformed("Signature")),
            ("MNS4-HMAC-SHA256 Credential=k/2025/r/mns/aliyun_v4_request,Signature=\(hex)", .malformed("Credential")),
            ("MNS4-HMAC-SHA256 Credential=k/20250701/r/oss/x,Signature=\(hex)", .malformed("Credential")),
            (
                "MNS4-HMAC-SHA256 Credential=k/20250701/r/mns/apsara_v4_request,Signature=\(hex)",
                .malformed("Credential")
            ),
            ("MNS4-HMAC-SHA256 Credential=k/20250701/r/mns/aliyun_v4_request,Signature=xx", .malformed("Signature")),
            ("MNS4-HMAC-SHA256 Credential=k,Credential=k", .malformed("Credential=k")),
            ("MNS4-HMAC-SHA256 Other=1", .malformed("Other=1")),
        ] as [(String, MNSAuthorizationError)]
    )
    func malformed(_ value: String, _ error: MNSAuthorizationError) {
        #expect(throws: error) { try MNSAuthorization(parsing: value) }
        #expect(!error.description.isEmpty)
    }
}
