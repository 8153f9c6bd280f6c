extension VODEvent {
    /// What an `UploadByURLComplete` event says beside the common members.
    ///
    /// Wire reference: vod-api 6.1 (video form) and 3 (stream form).
    public struct UploadByURLComplete: Sendable, Hashable {
        /// What was pulled.
        public enum Form: Sendable, Hashable {
            /// A whole media file, by `UploadMediaByURL`.
            case video
            /// One finished rendition for an existing media, by `UploadStreamByURL`.
            case stream
        }

        /// What was pulled; told apart by the member `FileType`.
        public let form: Form

        /// The job, as the submitting call returned it.
        public let jobID: String?

        /// The source, as it was submitted.
        public let sourceURL: String?

        /// The size of the stored file in bytes, whether it came as text or as a number; only in the video form.
        public let sizeBytes: Int64?

        /// Where the rendition is stored; only in the stream form, on success.
        public let streamFileURL: String?

        /// Why the pull failed; `nil` on success.
        public let failure: Failure?

        init(members: VODJSON, status: Status?) {
            form = members["FileType"]?.text == "Stream" ? .stream : .video
            jobID = members["JobId"]?.filledText
            sourceURL = members["SourceURL"]?.filledText
            sizeBytes = members["Size"]?.byteCount
            streamFileURL = members["StreamFileURL"]?.filledText
            failure = Failure(members: members, status: status)
        }
    }

    /// What a `FileUploadComplete` event says beside the common members.
    ///
    /// Wire reference: vod-api 6.2.
    public struct FileUploadComplete: Sendable, Hashable {
        /// The size of the stored file in bytes, whether it came as text or as a number.
        public let sizeBytes: Int64?

        /// Where the file is stored.
        public let fileURL: String?

        init(members: VODJSON) {
            sizeBytes = members["Size"]?.byteCount
            fileURL = members["FileUrl"]?.filledText
        }
    }

    /// Why something failed.
    public struct Failure: Sendable, Hashable {
        /// The error code without blanks around it, for example `URLInvalidError`; `nil` if the sender gave none.
        public let code: String?

        /// A sentence for people without blanks around it; `nil` if the sender gave none.
        public let message: String?

        /// Reads the error members; `nil` on success, and when there is neither a status nor an error code.
        init?(members: VODJSON, status: Status?) {
            let code = members["ErrorCode"]?.filledText
            switch status {
            case .success: return nil
            case nil where code == nil: return nil
            case nil, .fail, .other: break
            }
            self.code = code
            message = members["ErrorMessage"]?.filledText
        }
    }
}

extension VODJSON {
    /// A whole number that is not negative.
    fileprivate var byteCount: Int64? {
        integer.flatMap { $0 >= 0 ? $0 : nil }
    }
}
