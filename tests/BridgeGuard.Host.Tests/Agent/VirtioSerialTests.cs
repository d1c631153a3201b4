using System.Security.Cryptography;
using System.Text.Json;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Running;
using Xunit;

namespace BridgeGuard.Host.Tests.Agent;

/// <summary>
/// The agent in a real guest (<see cref="QemuGuest"/>) that has no network at all: its only way to the host is a virtio-serial port, which QEMU joins to the unix
/// socket that is made for this guest.
/// </summary>
public sealed class VirtioSerialTests : IAsyncDisposable
{
    private readonly AnsweringHost _host = new();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task GuestWithoutANetworkIsAnsweredOverItsPortAndStandsAloneWhileTheHostIsAway()
    {
        using QemuGuest guest = QemuGuest.Find();
        byte[] seen = [.. RandomNumberGenerator.GetBytes(200_000), .. "STUB-MARKER"u8];
        InitialRamdisk disk = guest.MakeDisk($"""
            mount -t tmpfs none /work
            port=/dev/$(basename $(dirname $(grep -l org.bridgeguard.0 /sys/class/virtio-ports/*/name)))
            export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_EnableDiagnostics=0
            echo READY
            {Folder(typeof(object), 3)}/dotnet /agent/bridgeguard-agent.dll --host device:$port --key {_host.PublicKey} --state /state --fallback deny --timeout 10 /work >/log 2>&1 </dev/null &
            until grep -q watching /log; do sleep 0.2; kill -0 $! || cat /log; done
            round=0
            while true; do
              round=$((round+1))
              for f in good seen bad late; do
                [ -e /files/$f ] || continue
                cp /files/$f /work/$f.$round
                if cat /work/$f.$round >/dev/null 2>&1; then echo "$f opened"; else echo "$f denied"; fi
              done
              if read -t 1 line; then eval "$line"; fi
            done
            """);
        Pack(disk, new Dictionary<string, byte[]> { ["good"] = "harmless\n"u8.ToArray(), ["bad"] = "new STUB-MARKER"u8.ToArray(), ["seen"] = seen });
        disk.Save(_host.Folder.File("initrd"));
        await _host.StartAsync();
        await _host.SeeAsync(seen);
        guest.Boot(
            _host.Folder.File("initrd"), 1024, null,
            "-device", "virtio-serial-pci", "-chardev", $"socket,id=bg,path={_host.Socket},reconnect=1", "-device", "virtserialport,chardev=bg,name=org.bridgeguard.0");

        Assert.True(guest.Until("good opened", 2, 60_000), $"the clean file: {guest.Console}");
        Assert.True(guest.Until("seen denied", 2, 20_000), $"what the bridge has seen: {guest.Console}");
        Assert.True(guest.Until("bad denied", 2, 20_000), $"what the guest brings: {guest.Console}");
        Assert.Equal(3, _host.Scanner.Scans); // Once each, the one that was seen before it without the guest's help.
        Assert.Equal((0, 0), (guest.Count("seen opened"), guest.Count("bad opened")));
        JsonElement hit = await _host.EventAsync(e => e.GetProperty("bridgeguard").TryGetProperty("program", out _));
        Assert.Contains("\"web\"", hit.GetRawText(), StringComparison.Ordinal); // The socket says who it is.
        Assert.StartsWith("/work/", hit.GetProperty("fileinfo").GetProperty("filename").GetString()!, StringComparison.Ordinal);

        // The host is away: signed answers count on, and what nobody has answered falls back.
        await _host.StopAsync();
        int good = guest.Count("good opened");
        int bad = guest.Count("bad denied");
        guest.Say("echo never seen before >/files/late");
        Assert.True(guest.Until("late denied", 1, 60_000), $"without an answer the fallback counts: {guest.Console}");
        Assert.True(guest.Until("good opened", good + 2, 60_000) && guest.Until("bad denied", bad + 2, 60_000), $"kept answers count: {guest.Console}");
        Assert.Equal(0, guest.Count("late opened"));

        await _host.StartAsync();
        Assert.True(guest.Until("late opened", 1, 60_000), $"the host is back: {guest.Console}");
        Assert.Equal(4, _host.Scanner.Scans);
        Assert.Equal(0, guest.Count("bad opened"));
    }

    private static string Folder(Type type, int above)
    {
        string folder = Path.GetDirectoryName(type.Assembly.Location)!;
        for (int i = 0; i < above; i++)
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        return folder;
    }

    /// <summary>The agent with the runtime that runs this test and the libraries both need, and the files that it is to judge.</summary>
    private static void Pack(InitialRamdisk disk, Dictionary<string, byte[]> files)
    {
        string runtime = Folder(typeof(object), 0);
        string root = Folder(typeof(object), 3);
        var paths = new List<(string From, string To)>();
        foreach (string file in (string[])[.. Directory.GetFiles(runtime), root + "/dotnet", .. Directory.GetFiles(root + "/host/fxr", "*.so", SearchOption.AllDirectories)])
        {
            paths.Add((file, file));
        }

        foreach (string pattern in (string[])["bridgeguard-agent.*", "NSec*.dll", "libsodium*", "runtimes/linux-x64/native/libsodium*"])
        {
            string folder = Path.Combine(AppContext.BaseDirectory, Path.GetDirectoryName(pattern)!);
            foreach (string file in Directory.Exists(folder) ? Directory.GetFiles(folder, Path.GetFileName(pattern)) : [])
            {
                paths.Add((file, Path.Combine("/agent", Path.GetRelativePath(AppContext.BaseDirectory, file))));
            }
        }

        foreach (string library in (string[])["libcrypto.so.3", "libssl.so.3"])
        {
            // The runtime opens them by name.
            string? found = new[] { "/usr/lib/x86_64-linux-gnu/", "/lib/x86_64-linux-gnu/", "/usr/lib64/" }.Select(folder => folder + library).FirstOrDefault(File.Exists);
            Assert.SkipWhen(found is null, $"needs {library} for the guest's runtime");
            paths.Add((found!, found!));
        }

        foreach (string library in paths.Where(path => path.From.Contains(".so", StringComparison.Ordinal) || path.From.EndsWith("/dotnet", StringComparison.Ordinal)).SelectMany(path => Libraries(path.From)).Distinct().ToList())
        {
            paths.Add((library, library));
        }

        foreach (string folder in (string[])["/files", "/work", "/state"])
        {
            disk.AddFolders(folder[1..]);
        }

        foreach ((string from, string to) in paths.DistinctBy(path => path.To))
        {
            disk.AddFolders(Path.GetDirectoryName(to)![1..]).AddProgram(to[1..], File.ReadAllBytes(from));
        }

        foreach ((string name, byte[] content) in files)
        {
            disk.AddProgram("files/" + name, content);
        }
    }

    private static IEnumerable<string> Libraries(string program)
    {
        (_, string output) = BridgeLab.Run("ldd", program);
        foreach (string line in output.Split('\n'))
        {
            string? path = line.Split(' ', '\t').FirstOrDefault(word => word.StartsWith('/'));
            if (path is not null && File.Exists(path))
            {
                yield return path;
            }
        }
    }
}
