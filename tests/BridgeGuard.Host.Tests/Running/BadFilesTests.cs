using System.Net.Sockets;
using System.Text;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>Files that are edited while a daemon runs: bad ones at a bad moment, and options that a reload cannot exchange.</summary>
public sealed class BadFilesTests : IDisposable
{
    private const string Rule = "alert udp any any -> any 9000 (msg:\"datagram\"; dsize:>0; sid:1;)\n";

    private readonly BridgeLab _lab = new();
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        _lab.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("configuration")]
    [InlineData("rules")]
    public void ADataPlaneThatDiesWhileFilesAreBadStartsWithThoseThatWereInForce(string what)
    {
        Directory.CreateDirectory(_folder.File("roles.d"));
        File.WriteAllText(_folder.File("roles.d/watched.yaml"), "name: watched\n");
        using RunningDaemon daemon = new(_lab, Rule, processes: 2, more: $"roles: [\"{_folder.File("roles.d")}\"]\n");
        daemon.WaitForControl();

        // What a reload brought is what comes back, not what was there at the start.
        daemon.WriteRules(Rule.Replace("sid:1;", "sid:2;", StringComparison.Ordinal));
        Assert.Equal(0, daemon.RunVerb("reload").Code);
        string good = File.ReadAllText(daemon.ConfigFile);
        if (what == "configuration")
        {
            File.AppendAllText(daemon.ConfigFile, "workrs: 2\n");
            File.WriteAllText(_folder.File("roles.d/watched.yaml"), "nme: watched\n");
        }
        else
        {
            daemon.WriteRules("alert nonsense\n");
        }

        daemon.SignalPlane("KILL");
        Assert.True(daemon.WaitForLog("data plane in process", 2), daemon.LogText);
        Assert.Contains("starts with those that were in force", daemon.LogText, StringComparison.Ordinal);
        Send();
        Assert.True(BridgeLab.Until(() => daemon.AlertedSids().Contains(2), 20_000), daemon.LogText);

        // A reload reads the files where they are again: refused while they are bad, then taken.
        Assert.NotEqual(0, daemon.RunVerb("reload").Code);
        File.WriteAllText(daemon.ConfigFile, good);
        File.WriteAllText(_folder.File("roles.d/watched.yaml"), "name: watched\n");
        daemon.WriteRules(Rule.Replace("sid:1;", "sid:3;", StringComparison.Ordinal));
        (int code, string text) = daemon.RunVerb("reload");
        Assert.True(code == 0, text);
        Send();
        Assert.True(BridgeLab.Until(() => daemon.AlertedSids().Contains(3), 20_000), daemon.LogText);
        Assert.Equal(0, daemon.Stop());
        Assert.DoesNotContain(1, daemon.AlertedSids());
    }

    [Fact]
    public void AReloadBringsWebhooksAndSaysWhatWaitsForARestart()
    {
        File.WriteAllText(_folder.File("secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        using Socket first = BridgeLab.Listen(_lab.Host, 9977);
        using Socket second = BridgeLab.Listen(_lab.Host, 9978);
        using RunningDaemon daemon = new(_lab, Rule, processes: 2);
        daemon.WaitForControl();
        string without = File.ReadAllText(daemon.ConfigFile);
        string hook = $"webhooks: [{{name: soc, url: \"http://127.0.0.1:9977/\", secret-files: [{_folder.File("secret")}]}}]\n";
        File.WriteAllText(daemon.ConfigFile, without + hook);
        (int code, string text) = daemon.RunVerb("reload");
        Assert.True(code == 0 && !text.Contains("restart", StringComparison.Ordinal), text);
        int plane = Assert.Single(daemon.Planes);
        Send();
        Assert.Contains("datagram", Request(first), StringComparison.Ordinal);

        // Another address for the same name, and an option that a reload does not exchange.
        File.WriteAllText(daemon.ConfigFile, without + hook.Replace("9977", "9978", StringComparison.Ordinal) + "backlog: 512\n");
        (code, text) = daemon.RunVerb("reload");
        Assert.Equal(0, code);
        Assert.Contains("in force only after a restart: backlog", text, StringComparison.Ordinal);
        Send();
        Assert.Contains("datagram", Request(second), StringComparison.Ordinal);

        // The next daemon does not keep a data plane that lacks it.
        daemon.Signal("USR1");
        daemon.WaitForExit();
        daemon.StartAgain();
        Assert.True(BridgeLab.Until(() => daemon.Planes.Count == 1 && daemon.Planes[0] != plane, 20_000), daemon.LogText);
        code = daemon.Stop();
        Assert.True(code == 0, daemon.LogText);
    }

    private void Send()
    {
        using Socket a = BridgeLab.Udp(_lab.A, to: BridgeLab.AddressB, toPort: 9000);
        a.Send("hello"u8);
    }

    /// <summary>The next request; it is answered with success.</summary>
    private static string Request(Socket listener)
    {
        Assert.True(listener.Poll(20_000_000, SelectMode.SelectRead), "no request comes");
        using Socket client = listener.Accept();
        client.ReceiveTimeout = 5000;
        byte[] buffer = new byte[64 << 10];
        int got = 0;
        string text = "";
        while (!text.Contains("datagram", StringComparison.Ordinal))
        {
            int more = client.Receive(buffer, got, buffer.Length - got, SocketFlags.None);
            Assert.True(more > 0, text);
            got += more;
            text = Encoding.ASCII.GetString(buffer, 0, got);
        }

        client.Send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"u8);
        return text;
    }
}
