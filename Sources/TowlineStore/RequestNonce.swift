/// The one-time mark of a signed request, kept in the transaction of the call that it belongs to.
package struct RequestNonce: Sendable, Hashable {
    /// The access key that signed.
    package let accessKeyID: String
    /// The nonce as sent.
    package let value: String
    /// How long it must be remembered: both sides of the signature's time window.
    package let lifetime: Duration

    /// Joins the parts of a nonce.
    package init(accessKeyID: String, value: String, lifetime: Duration = .seconds(1800)) {
        self.accessKeyID = accessKeyID
        self.value = value
        self.lifetime = lifetime
    }
}
