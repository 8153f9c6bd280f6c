/// URLs that must pass, with the host, the Host field and the request target that they stand for.
enum GoodURLs {
    struct Entry: Sendable, CustomStringConvertible {
        let url: String
        let hostHeader: String
        let target: String
        var description: String { url }

        init(_ url: String, _ hostHeader: String, _ target: String) {
            self.url = url
            self.hostHeader = hostHeader
            self.target = target
        }
    }

    static let all: [Entry] = [
        Entry("http://example.com", "example.com", "/"),
        Entry("http://example.com/", "example.com", "/"),
        Entry("https://example.com/a/b.mp4", "example.com", "/a/b.mp4"),
        Entry("HTTPS://Example.COM/A/B.MP4", "example.com", "/A/B.MP4"),
        Entry("http://example.com:80/", "example.com", "/"),
        Entry("https://example.com:443/", "example.com", "/"),
        Entry("http://example.com:443/", "example.com:443", "/"),
        Entry("https://example.com:8443/x", "example.com:8443", "/x"),
        Entry("http://example.com:65535/", "example.com:65535", "/"),
        Entry("http://example.com:1/", "example.com:1", "/"),
        Entry("http://example.com?q=1", "example.com", "/?q=1"),
        Entry("http://example.com/?q=1&r=a%20b", "example.com", "/?q=1&r=a%20b"),
        Entry("http://example.com/a?", "example.com", "/a?"),
        Entry("http://example.com/a#fragment", "example.com", "/a"),
        Entry("http://example.com/a?b#c?d", "example.com", "/a?b"),
        Entry("http://example.com/a?b?c=d/e", "example.com", "/a?b?c=d/e"),
        Entry("https://media.example.com/a b.mp4", "media.example.com", "/a%20b.mp4"),
        Entry("https://media.example.com/a%20b.mp4", "media.example.com", "/a%20b.mp4"),
        Entry("https://media.example.com/视频.mp4", "media.example.com", "/%E8%A7%86%E9%A2%91.mp4"),
        Entry("https://media.example.com/a.mp4?title=视频 1", "media.example.com", "/a.mp4?title=%E8%A7%86%E9%A2%91%201"),
        Entry("https://media.example.com/100%.mp4", "media.example.com", "/100%25.mp4"),
        Entry("https://media.example.com/50%2.mp4", "media.example.com", "/50%252.mp4"),
        Entry("https://media.example.com/a%2Fb%2f.mp4", "media.example.com", "/a%2Fb%2f.mp4"),
        Entry("https://media.example.com/[1].mp4?a[]=1", "media.example.com", "/[1].mp4?a[]=1"),
        Entry("https://media.example.com/a|b^c.mp4", "media.example.com", "/a|b^c.mp4"),
        Entry("https://media.example.com/<a>\"{b}`.mp4", "media.example.com", "/%3Ca%3E%22%7Bb%7D%60.mp4"),
        Entry("https://media.example.com/a+b,c;d=e!$&'()*~.mp4", "media.example.com", "/a+b,c;d=e!$&'()*~.mp4"),
        Entry("https://media.example.com/a//b/./c/../d", "media.example.com", "/a//b/./c/../d"),
        Entry("https://media.example.com/a:b@c", "media.example.com", "/a:b@c"),
        Entry("https://user:pass@media.example.com/a", "media.example.com", "/a"),
        Entry("https://user@media.example.com/a", "media.example.com", "/a"),
        Entry("https://us%40er:p%3Aw@media.example.com/a", "media.example.com", "/a"),
        Entry("http://93.184.216.34/", "93.184.216.34", "/"),
        Entry("http://8.8.8.8:8080/a", "8.8.8.8:8080", "/a"),
        Entry("http://1.0.0.1/", "1.0.0.1", "/"),
        Entry("http://[2606:4700:4700::1111]/", "[2606:4700:4700::1111]", "/"),
        Entry("http://[2606:4700:4700:0:0:0:0:1111]/", "[2606:4700:4700::1111]", "/"),
        Entry("https://[2A00:1450:4001:81B::200E]:8443/a", "[2a00:1450:4001:81b::200e]:8443", "/a"),
        Entry("http://[::ffff:8.8.8.8]/", "[::ffff:8.8.8.8]", "/"),
        Entry("http://example.com./a", "example.com", "/a"),
        Entry("http://xn--mnchen-3ya.de/", "xn--mnchen-3ya.de", "/"),
        Entry("http://XN--MNCHEN-3YA.de/", "xn--mnchen-3ya.de", "/"),
        Entry("http://my_bucket.oss-cn-shanghai.aliyuncs.com/k", "my_bucket.oss-cn-shanghai.aliyuncs.com", "/k"),
        Entry("http://a.b.c.d.e.f.example.com/", "a.b.c.d.e.f.example.com", "/"),
        Entry("http://r3---sn-abc.example.com/", "r3---sn-abc.example.com", "/"),
        Entry("http://123.example.com/", "123.example.com", "/"),
        Entry("http://1.2.3.4.example.com/", "1.2.3.4.example.com", "/"),
        Entry("http://3com.example/", "3com.example", "/"),
        Entry("http://intranet/", "intranet", "/"),
        Entry("http://example.x0/", "example.x0", "/"),
        Entry("http://0x7g.0xg/", "0x7g.0xg", "/"),
        Entry(
            "http://\(String(repeating: "a", count: 63)).example.com/",
            "\(String(repeating: "a", count: 63)).example.com", "/"),
        Entry(
            "https://bucket.oss-cn-shanghai.aliyuncs.com/v.mp4?Expires=1&OSSAccessKeyId=x&Signature=a%2Bb%3D",
            "bucket.oss-cn-shanghai.aliyuncs.com",
            "/v.mp4?Expires=1&OSSAccessKeyId=x&Signature=a%2Bb%3D"
        ),
        Entry(
            "https://s3.us-east-1.amazonaws.com/b/k?X-Amz-Credential=A%2F20250101%2Fus-east-1%2Fs3%2Faws4_request",
            "s3.us-east-1.amazonaws.com",
            "/b/k?X-Amz-Credential=A%2F20250101%2Fus-east-1%2Fs3%2Faws4_request"
        ),
        Entry("http://172.15.255.255/", "172.15.255.255", "/"),
        Entry("http://172.32.0.1/", "172.32.0.1", "/"),
        Entry("http://100.63.255.255/", "100.63.255.255", "/"),
        Entry("http://100.128.0.0/", "100.128.0.0", "/"),
        Entry("http://198.17.255.255/", "198.17.255.255", "/"),
        Entry("http://223.255.255.255/", "223.255.255.255", "/"),
        Entry("http://[2001:200::1]/", "[2001:200::1]", "/"),
        Entry("http://[2003::1]/", "[2003::1]", "/"),
    ]
}
