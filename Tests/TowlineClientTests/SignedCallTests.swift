import Testing
import VODSignatures

@testable import TowlineClient

@Suite("a signed call")
struct SignedCallTests {
    private static let key = Credentials(
        id: "LTAIvodRefDocKey01", secret: "vodRefDocSecret0123456789abcd", token: nil)
    /// 2026-01-02T03:04:05Z.
    private static let now: Int64 = 1_767_323_045

    private func call(
        _ action: String, _ parameters: [NameValuePair], nonce: String = "nonce-0014", token: String? = nil
    ) throws -> SignedCall {
        let credentials = Credentials(id: Self.key.id, secret: Self.key.secret, token: token)
        return try SignedCall(
            action: action, parameters: parameters, host: "vod.cn-shanghai.aliyuncs.com", credentials: credentials,
            now: Self.now, nonce: nonce)
    }

    private func header(_ name: String, of call: SignedCall) -> String? {
        call.headers.first { $0.name == name }?.value
    }

    @Test("parameters in a form body give the signature of the reference's vector D")
    func formBody() throws {
        let call = try call(
            "UploadMediaByURL",
            [("UploadURLs", "https%3A%2F%2Fmedia.example.com%2Flesson-01.mp4"), ("SessionId", "sess_1")])
        #expect(
            String(decoding: call.body, as: UTF8.self)
                == "SessionId=sess_1&UploadURLs=https%253A%252F%252Fmedia.example.com%252Flesson-01.mp4")
        #expect(
            header("authorization", of: call)
                == "ACS3-HMAC-SHA256 Credential=LTAIvodRefDocKey01,SignedHeaders=content-type;host;x-acs-action;"
                + "x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
                + "Signature=b95234d149feef2e60db950b0fc0f4a54a3d556f2215b0ceb57474f8918ad6f0")
    }

    @Test("a call without parameters has no body and no content type")
    func noParameters() throws {
        let call = try call("GetMessageCallback", [])
        #expect(call.body.isEmpty)
        #expect(header("content-type", of: call) == nil)
        #expect(header("x-acs-content-sha256", of: call) == ACS3Signature.emptyBodyHash)
    }

    @Test("the token of a temporary key is sent and signed")
    func token() throws {
        let call = try call("GetMessageCallback", [], token: "STS+token/==")
        #expect(header("x-acs-security-token", of: call) == "STS+token/==")
        let authorization = try ACS3Authorization(parsing: try #require(header("authorization", of: call)))
        #expect(authorization.signedHeaders.contains("x-acs-security-token"))
        #expect(authorization.signedHeaders.contains("x-acs-accesskey-id"))
    }

    @Test("nonces have 32 hexadecimal digits and differ")
    func nonces() {
        let nonces = (0..<100).map { _ in VODClient.randomNonce() }
        #expect(Set(nonces).count == 100)
        #expect(nonces.allSatisfy { $0.count == 32 && $0.allSatisfy(\.isHexDigit) })
    }
}
