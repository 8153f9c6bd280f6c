import NIOCore
import NIOHTTP1
import TowlineOutbound

extension S3Client {
    /// What the store knows about an object.
    struct Found: Sendable, Hashable {
        var key: String
        var tag: String
        var bytes: Int64
    }

    /// Whether the bucket can be asked, with the permission that removing needs.
    func probe() async throws(S3Failure) {
        _ = try await send(
            S3Call(
                method: .GET, query: [("uploads", ""), ("max-uploads", "1"), ("prefix", location.prefix)],
                isTriedOnce: true,
                doing: "looking at the bucket"))
    }

    // MARK: Objects

    /// Writes a whole object.
    func put(_ key: String, _ pieces: [ByteBuffer]) async throws(S3Failure) {
        _ = try await send(
            S3Call(
                method: .PUT, key: key, headers: storageHeaders, body: .bytes(pieces), doing: "writing an object"))
    }

    /// Looks at an object; nil where there is none.
    func head(_ key: String) async throws(S3Failure) -> Found? {
        do throws(S3Failure) {
            let answer = try await send(S3Call(method: .HEAD, key: key, doing: "looking at an object"))
            guard let tag = answer.tag, let length = answer.headers.first(name: "content-length").flatMap({ Int64($0) })
            else { throw S3Failure(.other, "looking at an object: the answer has no ETag or no length") }
            return Found(key: key, tag: tag, bytes: length)
        } catch  where error.kind == .missing && error.code != "NoSuchBucket" {
            return nil
        }
    }

    /// Opens a range of an object, if it is still the same.
    func read(_ object: Found, _ range: Range<Int64>) async throws(S3Failure) -> OutboundResponse {
        try await open(
            S3Call(
                method: .GET, key: object.key,
                headers: [("if-match", object.tag), ("range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")],
                doing: "reading an object"))
    }

    /// Reads a range of an object into memory, if it is still the same.
    func bytes(of object: Found, _ range: Range<Int64>) async throws(S3Failure) -> ByteBuffer {
        let response = try await read(object, range)
        do {
            let prefix = try await response.collectBody(upTo: range.count)
            guard response.status == .partialContent, prefix.bytes.readableBytes == range.count, !prefix.isCut else {
                throw S3Failure(.other, "reading an object: the answer is not the range that was asked for")
            }
            return prefix.bytes
        } catch let error as S3Failure {
            throw error
        } catch let error as OutboundError {
            throw S3Failure(error, doing: "reading an object", at: location)
        } catch {
            throw S3Failure(.other, "reading an object: \(error)")
        }
    }

    /// Removes an object; one that is not there is fine.
    func delete(_ key: String, isTriedOnce: Bool = false) async throws(S3Failure) {
        do {
            _ = try await send(
                S3Call(method: .DELETE, key: key, isTriedOnce: isTriedOnce, doing: "removing an object"))
        } catch  where error.code == "NoSuchKey" {}
    }

    // MARK: Uploads in parts

    /// Begins an upload in parts.
    ///
    /// - Returns: Its id, and whether the call had to be repeated, so that there may be another that nobody knows.
    func begin(_ key: String) async throws(S3Failure) -> (id: String, isAmbiguous: Bool) {
        let answer = try await send(
            S3Call(
                method: .POST, key: key, query: [("uploads", "")], headers: storageHeaders,
                doing: "beginning an upload in parts"))
        let id = S3Documents.text("UploadId", in: answer.body, root: "InitiateMultipartUpload")
        guard let id, !id.isEmpty else {
            throw S3Failure(.other, "beginning an upload in parts: the answer names no upload")
        }
        return (id, answer.attempts > 1)
    }

    /// Sends a part.
    func send(
        part number: Int, of upload: S3Documents.Upload, _ pieces: [ByteBuffer]
    ) async throws(S3Failure) -> S3Documents.Part {
        let answer = try await send(
            S3Call(
                method: .PUT, key: upload.key, query: query(upload, part: number), body: .bytes(pieces),
                doing: "writing part \(number)"))
        guard let tag = answer.tag else { throw S3Failure(.other, "writing part \(number): the answer has no ETag") }
        return S3Documents.Part(number: number, tag: tag, bytes: pieces.reduce(0) { $0 + Int64($1.readableBytes) })
    }

    /// Makes a part of a range of another object, if that is still the same; no bytes pass through here.
    func copy(
        part number: Int, of upload: S3Documents.Upload, from object: Found, _ range: Range<Int64>
    ) async throws(S3Failure) -> S3Documents.Part {
        let source = "/\(location.bucket)/\(S3Encoding.encode(object.key, keepsSlashes: true))"
        let answer = try await send(
            S3Call(
                method: .PUT, key: upload.key, query: query(upload, part: number),
                headers: [
                    ("x-amz-copy-source", source), ("x-amz-copy-source-if-match", object.tag),
                    ("x-amz-copy-source-range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)"),
                ], doing: "copying part \(number)"))
        guard let tag = S3Documents.text("ETag", in: answer.body, root: "Copy") else {
            throw S3Failure(.other, "copying part \(number): the answer has no ETag")
        }
        return S3Documents.Part(number: number, tag: tag, bytes: Int64(range.count))
    }

    /// Makes an object of parts.
    ///
    /// An upload that is not there any more is fine where the object is there with the right length: an earlier call
    /// whose answer was lost has done it, since nobody else writes under the key.
    func complete(_ upload: S3Documents.Upload, _ parts: [S3Documents.Part]) async throws(S3Failure) {
        do {
            _ = try await send(
                S3Call(
                    method: .POST, key: upload.key, query: [("uploadId", upload.id)],
                    headers: [("content-type", "application/xml")], body: .document(S3Documents.completion(of: parts)),
                    doing: "completing an upload in parts"))
        } catch  where error.code == "NoSuchUpload" {
            let bytes = parts.reduce(0) { $0 + $1.bytes }
            guard try await head(upload.key)?.bytes == bytes else { throw error }
        }
    }

    /// Drops an upload with its parts; one that is not there is fine.
    func abort(_ upload: S3Documents.Upload, isTriedOnce: Bool = false) async throws(S3Failure) {
        do {
            _ = try await send(
                S3Call(
                    method: .DELETE, key: upload.key, query: [("uploadId", upload.id)], isTriedOnce: isTriedOnce,
                    doing: "dropping an upload in parts"))
        } catch  where error.code == "NoSuchUpload" {}
    }

    /// The unfinished uploads under exactly one key.
    func uploads(under key: String) async throws(S3Failure) -> [S3Documents.Upload] {
        var found: [S3Documents.Upload] = []
        var marker: S3Documents.Upload?
        repeat {
            var query = [(name: "uploads", value: ""), (name: "prefix", value: key)]
            if let marker {
                query += [(name: "key-marker", value: marker.key), (name: "upload-id-marker", value: marker.id)]
            }
            let answer = try await send(S3Call(method: .GET, query: query, doing: "looking for unfinished uploads"))
            guard let page = S3Documents.uploads(answer.body), page.next == nil || page.next != marker else {
                throw S3Failure(.other, "looking for unfinished uploads: the answer cannot be read")
            }
            found += page.uploads.filter { $0.key == key }
            marker = page.next
        } while marker != nil
        return found
    }

    /// The parts of an upload, in order.
    func parts(of upload: S3Documents.Upload) async throws(S3Failure) -> [S3Documents.Part] {
        var found: [S3Documents.Part] = []
        var marker: Int?
        repeat {
            var query = [(name: "uploadId", value: upload.id)]
            if let marker { query.append((name: "part-number-marker", value: String(marker))) }
            let answer = try await send(
                S3Call(method: .GET, key: upload.key, query: query, doing: "looking at the parts of an upload"))
            guard let page = S3Documents.parts(answer.body), page.next == nil || page.next ?? 0 > marker ?? 0 else {
                throw S3Failure(.other, "looking at the parts of an upload: the answer cannot be read")
            }
            found += page.parts
            marker = page.next
        } while marker != nil
        return found
    }

    private func query(_ upload: S3Documents.Upload, part number: Int) -> [(name: String, value: String)] {
        [("partNumber", String(number)), ("uploadId", upload.id)]
    }

    /// What a new object is stored with.
    private var storageHeaders: [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        switch location.encryption {
        case .bucketDefault: break
        case .storeKeys: headers.append(("x-amz-server-side-encryption", "AES256"))
        case .keyService(let keyID):
            headers.append(("x-amz-server-side-encryption", "aws:kms"))
            if let keyID { headers.append(("x-amz-server-side-encryption-aws-kms-key-id", keyID)) }
        }
        if let storageClass = location.storageClass { headers.append(("x-amz-storage-class", storageClass)) }
        return headers
    }
}
