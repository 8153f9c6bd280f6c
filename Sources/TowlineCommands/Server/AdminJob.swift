import TowlineClient
import TowlineCore

/// A job as the admin API shows it; what is missing is empty.
struct AdminJob: Sendable, Hashable {
    let id: String
    let mediaID: String?
    let title: String
    let source: String
    let run: Int
    /// The state by Towline's name, such as `pulling`.
    let state: String
    let status: UploadStatus
    let attempts: Int
    let bytesReceived: Int64
    let bytesTotal: Int64?
    let objectKey: String?
    let errorCode: String?
    let errorMessage: String?
    let createdAt: String
    let runStartedAt: String
    let endedAt: String?

    init(_ json: JSONValue) {
        id = json["id"]?.string ?? ""
        mediaID = json["mediaId"]?.string
        title = json["title"]?.string ?? ""
        source = json["source"]?.string ?? ""
        run = Int(json["run"]?.integerValue ?? 1)
        state = json["state"]?.string ?? ""
        status = UploadStatus(rawValue: json["status"]?.string ?? "")
        attempts = Int(json["attempts"]?.integerValue ?? 0)
        bytesReceived = json["bytesReceived"]?.integerValue ?? 0
        bytesTotal = json["bytesTotal"]?.integerValue
        objectKey = json["objectKey"]?.string
        errorCode = json["errorCode"]?.string
        errorMessage = json["errorMessage"]?.string
        createdAt = json["createdAt"]?.string ?? ""
        runStartedAt = json["runStartedAt"]?.string ?? ""
        endedAt = json["endedAt"]?.string
    }

    /// The size for a list: of the object once it is stored, received and announced before.
    var size: String {
        if status.isStored { return Measure.bytes(bytesTotal ?? bytesReceived) }
        guard let bytesTotal else { return bytesReceived > 0 ? Measure.bytes(bytesReceived) : "–" }
        return bytesReceived > 0 ? Measure.bytes(bytesReceived, of: bytesTotal) : Measure.bytes(bytesTotal)
    }

    /// The code and the sentence of the failure, if there is one.
    var failure: String? {
        guard errorCode != nil || errorMessage != nil else { return nil }
        return [errorCode, errorMessage].compactMap { $0 }.joined(separator: ": ")
    }
}
