package import TowlineCore
package import TowlineStore
package import VODEvents

/// Writes the headers of a callback.
///
/// Pure, so that the engine and whoever shows or forwards a callback give the same (vod-api.md 5.1, 5.2).
package enum EventRequestComposer {
    /// The headers of a POST of an event in the order in which they are sent; its body is the event's bytes.
    ///
    /// `webhook-id` and `webhook-timestamp` are always there; `webhook-signature` only with secrets, one signature for
    /// each in their order; the `X-VOD-*` pair only with an AuthKey. What belongs to the connection and to the sender
    /// (Host, User-Agent, Content-Length and the like) is not among them.
    ///
    /// - Parameters:
    ///   - event: What is sent.
    ///   - url: The callback URL byte for byte as configured; the pair signs it.
    ///   - signing: The keys of the moment.
    ///   - seconds: The wall clock in Unix seconds.
    /// - Returns: The fields in their order.
    /// - Throws: `VODSignatureError` when a webhook secret is not one.
    package static func headers(
        of event: Event, to url: String, signing: DeliverySigning, at seconds: Int64
    ) throws(VODSignatureError) -> [EventHeader] {
        let id = event.id.description
        let time = String(seconds)
        var headers = [
            EventHeader("Content-Type", "application/json"),
            EventHeader(WebhookSignature.idHeader, id),
            EventHeader(WebhookSignature.timestampHeader, time),
        ]
        if !signing.webhookSecrets.isEmpty {
            var secrets: [WebhookSecret] = []
            for text in signing.webhookSecrets { secrets.append(try WebhookSecret(text)) }
            let signature = try WebhookSignature.sign(id: id, timestamp: seconds, body: event.body, secrets: secrets)
            headers.append(EventHeader(WebhookSignature.signatureHeader, signature))
        }
        if let key = signing.authKey {
            headers.append(EventHeader(CallbackSignature.timestampHeader, time))
            headers.append(
                EventHeader(
                    CallbackSignature.signatureHeader,
                    CallbackSignature.sign(url: url, timestamp: seconds, authKey: key)))
        }
        return headers
    }
}
