using System.Diagnostics;
using System.Text;
using BridgeGuard.Host.Tests.Scanning;
using BridgeGuard.Outputs.Webhook;
using Xunit;

namespace BridgeGuard.Host.Tests.Outputs;

public sealed class WebhookSignerTests
{
    private const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    private const string Other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    private const string Id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    private const long Time = 1614265330;

    private static readonly byte[] Body = "{\"test\": 2432232314}"u8.ToArray();

    /// <summary>The value that the reference libraries of Standard Webhooks test with.</summary>
    [Fact]
    public void SignatureIsThatOfTheReferenceLibraries()
    {
        using var signer = new WebhookSigner([Secret]);
        Assert.Equal("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", signer.Sign(Id, Time, Body));
    }

    [Fact]
    public async Task SymmetricSignatureAgreesWithOpenssl()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/openssl"), "needs openssl");
        using var folder = new TemporaryFolder();
        await File.WriteAllBytesAsync(folder.File("signed"), [.. Encoding.ASCII.GetBytes($"{Id}.{Time}."), .. Body], TestContext.Current.CancellationToken);
        string key = Convert.ToHexStringLower(Convert.FromBase64String(Other["whsec_".Length..]));
        byte[] digest = await OpensslAsync("dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:" + key, "-binary", folder.File("signed"));
        using var signer = new WebhookSigner([Other]);
        Assert.Equal("v1," + Convert.ToBase64String(digest), signer.Sign(Id, Time, Body));
    }

    [Fact]
    public async Task AsymmetricSignatureIsVerifiedByOpenssl()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/openssl"), "needs openssl");
        using var folder = new TemporaryFolder();
        await OpensslAsync("genpkey", "-algorithm", "ed25519", "-outform", "DER", "-out", folder.File("key"));
        byte[] pkcs8 = await File.ReadAllBytesAsync(folder.File("key"), TestContext.Current.CancellationToken);
        using var signer = new WebhookSigner(["whsk_" + Convert.ToBase64String(pkcs8.AsSpan(pkcs8.Length - 32))]); // The seed ends the DER.
        string signature = signer.Sign(Id, Time, Body);
        Assert.StartsWith("v1a,", signature, StringComparison.Ordinal);

        await File.WriteAllBytesAsync(folder.File("sig"), Convert.FromBase64String(signature["v1a,".Length..]), TestContext.Current.CancellationToken);
        await File.WriteAllBytesAsync(folder.File("signed"), [.. Encoding.ASCII.GetBytes($"{Id}.{Time}."), .. Body], TestContext.Current.CancellationToken);
        byte[] said = await OpensslAsync(
            "pkeyutl", "-verify", "-inkey", folder.File("key"), "-keyform", "DER", "-rawin", "-in", folder.File("signed"), "-sigfile", folder.File("sig"));
        Assert.Contains("Verified Successfully", Encoding.ASCII.GetString(said), StringComparison.Ordinal);
        Assert.True(WebhookSigner.Verify(signer.PublicKeys, Id, Time.ToString(), signature, Body, DateTimeOffset.FromUnixTimeSeconds(Time)));
    }

    [Fact]
    public void EitherSecretVerifiesDuringRotation()
    {
        using var signer = new WebhookSigner([Other, Secret]);
        string signatures = signer.Sign(Id, Time, Body);
        Assert.Equal(2, signatures.Split(' ').Length);
        DateTimeOffset now = DateTimeOffset.FromUnixTimeSeconds(Time + 299);
        Assert.True(WebhookSigner.Verify([Secret], Id, "1614265330", signatures, Body, now));
        Assert.True(WebhookSigner.Verify([Other], Id, "1614265330", signatures, Body, now));
    }

    [Theory]
    [InlineData("msg_other", "1614265330", 0, 0)]
    [InlineData(Id, "1614265331", 0, 0)]
    [InlineData(Id, "1614265330", 1, 0)]
    [InlineData(Id, "1614265330", 0, 301)]
    [InlineData(Id, "-5", 0, 0)]
    [InlineData(Id, "x", 0, 0)]
    public void AnythingChangedOrOldDoesNotVerify(string id, string timestamp, byte flip, int age)
    {
        using var signer = new WebhookSigner([Secret]);
        string signature = signer.Sign(Id, Time, Body);
        byte[] body = [.. Body];
        body[3] ^= flip;
        Assert.False(WebhookSigner.Verify([Secret], id, timestamp, signature, body, DateTimeOffset.FromUnixTimeSeconds(Time + age)));
    }

    [Theory]
    [InlineData("whsec_")]
    [InlineData("whsec_c2hvcnQ=")]
    [InlineData("whsec_not base64!")]
    [InlineData("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    [InlineData("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    public void WrongSecretIsRefusedWithoutRepeatingIt(string secret)
    {
        FormatException e = Assert.Throws<FormatException>(() => new WebhookSigner([Secret, secret]));
        Assert.Contains("Secret 2", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("MfKQ", e.Message, StringComparison.Ordinal);
    }

    private static async Task<byte[]> OpensslAsync(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("/usr/bin/openssl", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        using var output = new MemoryStream();
        await process.StandardOutput.BaseStream.CopyToAsync(output, TestContext.Current.CancellationToken);
        string error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, error);
        return output.ToArray();
    }
}
