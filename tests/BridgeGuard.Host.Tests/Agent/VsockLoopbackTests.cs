using System.Diagnostics;
using BridgeGuard.Host.Tests.Scanning;
using BridgeGuard.Scanning.GuestApi;
using Xunit;

namespace BridgeGuard.Host.Tests.Agent;

/// <summary>Real vsock sockets, over the loopback of a kernel that has it (module vsock_loopback; tests/guest/run.sh boots one): the context id says who asks.</summary>
public sealed class VsockLoopbackTests : IAsyncDisposable
{
    /// <summary>VMADDR_CID_LOCAL, from both ends.</summary>
    private const uint Local = 1;

    private const string Client = """
        import socket, sys
        with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as s:
            s.settimeout(30)
            s.connect((1, int(sys.argv[1])))
            body = sys.argv[2].encode()
            s.sendall(b'POST /v1/files HTTP/1.1\r\nHost: host\r\nConnection: close\r\nContent-Length: %d\r\n\r\n' % len(body) + body)
            try:
                while part := s.recv(65536):
                    sys.stdout.write(part.decode())
            except ConnectionResetError:
                pass
        """;

    private readonly AnsweringHost _host = new();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task GuestIsAnsweredOverItsContextIdAndAStrangerIsNot()
    {
        await _host.StartAsync();
        bool isKnown = true;
        using VsockRelay? relay = VsockRelay.TryStart(18_642, cid => cid == Local && isKnown ? _host.Socket : null, out int error);
        Assert.SkipWhen(relay is null, $"this kernel has no vsock (error {error})");
        (int code, string answer) = await AskAsync("a STUB-MARKER for the host");
        Assert.SkipWhen(code != 0, $"this kernel has no vsock loopback (module vsock_loopback): {answer}");

        Assert.Contains("\"malicious\"", answer, StringComparison.Ordinal);
        Assert.Contains("\"clean\"", (await AskAsync("harmless")).Output, StringComparison.Ordinal);
        Assert.Contains("\"malicious\"", (await AskAsync("a STUB-MARKER for the host")).Output, StringComparison.Ordinal);
        Assert.Equal(2, _host.Scanner.Scans);
        await _host.Cache.FlushAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["web"], _host.Cache.FindGuests(StubScanner.KeyOf("harmless"u8).Hash));

        isKnown = false;
        Assert.DoesNotContain("HTTP/1.1", (await AskAsync("harmless")).Output, StringComparison.Ordinal);
        Assert.Equal(1, relay!.Refused);
    }

    private static async Task<(int Code, string Output)> AskAsync(string content)
    {
        using Process process = Process.Start(new ProcessStartInfo("python3", ["-c", Client, "18642", content]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, process.ExitCode == 0 ? output : (await error).Trim().Split('\n')[^1]);
    }
}
