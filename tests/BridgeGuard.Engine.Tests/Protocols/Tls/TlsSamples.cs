using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace BridgeGuard.Engine.Tests.Protocols.Tls;

/// <summary>Puts records and handshake messages together by hand.</summary>
internal static class TlsSamples
{
    public static byte[] Certificate { get; } = MakeCertificate();

    public static byte[] Record(byte type, params byte[] body) => [type, 3, 3, (byte)(body.Length >> 8), (byte)body.Length, .. body];

    public static byte[] Handshake(byte type, byte[] body) => [type, 0, (byte)(body.Length >> 8), (byte)body.Length, .. body];

    public static byte[] ClientHello(string sni, params byte[][] more)
    {
        byte[] name = Encoding.ASCII.GetBytes(sni);
        byte[] extensions =
        [
            .. Extension(0, [.. Two(name.Length + 3), 0, .. Two(name.Length), .. name]),
            .. Extension(10, [0, 4, 0, 29, 0, 23]),
            .. Extension(11, [1, 0]),
            .. Extension(13, [0, 4, 4, 3, 8, 4]),
            .. Extension(16, [0, 12, 2, (byte)'h', (byte)'2', 8, .. "http/1.1"u8]),
            .. more.SelectMany(e => e),
        ];
        return Handshake(1, [3, 3, .. Random(), 0, 0, 4, 0x13, 0x01, 0xc0, 0x2f, 1, 0, .. Two(extensions.Length), .. extensions]);
    }

    public static byte[] ServerHello(ushort cipher, params byte[][] extensions)
    {
        byte[] all = [.. extensions.SelectMany(e => e)];
        return Handshake(2, [3, 3, .. Random(), 0, .. Two(cipher), 0, .. Two(all.Length), .. all]);
    }

    public static byte[] CertificateMessage(params byte[][] chain)
    {
        byte[] list = [.. chain.SelectMany(c => (byte[])[0, .. Two(c.Length), .. c])];
        return Handshake(11, [0, .. Two(list.Length), .. list]);
    }

    public static byte[] Extension(ushort type, byte[] data) => [.. Two(type), .. Two(data.Length), .. data];

    public static byte[] Two(int value) => [(byte)(value >> 8), (byte)value];

    private static byte[] Random() => [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    private static byte[] MakeCertificate()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=www.example.com, O=Example, C=US", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("www.example.com");
        names.AddDnsName("*.example.com");
        names.AddIpAddress(System.Net.IPAddress.Parse("192.0.2.1"));
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = request.Create(
            request.SubjectName,
            X509SignatureGenerator.CreateForECDsa(key),
            new DateTimeOffset(2020, 1, 2, 3, 4, 5, TimeSpan.Zero),
            new DateTimeOffset(2060, 1, 2, 3, 4, 5, TimeSpan.Zero),
            [0x0a, 0x0b, 0x0c]);
        return certificate.RawData;
    }
}
