namespace BridgeGuard.Daemon.Configuration;

/// <summary>The <c>scanning</c> section of <c>bridgeguard.yaml</c>: scanners, hash lists, how guests ask, the fleet.</summary>
internal static class ScanningReader
{
    public static ScanningModel Read(YamlSection root, string folder)
    {
        if (root.Section("scanning") is not { } section)
        {
            return new ScanningModel();
        }

        var model = new ScanningModel
        {
            Enabled = section.Bool("enabled", true),
            BadHashLists = [.. section.Texts("bad-hashes").SelectMany(p => DaemonConfigLoader.Existing(section, "bad-hashes", folder, p, "a list of SHA-256 hashes"))],
            GoodHashLists = [.. section.Texts("good-hashes").SelectMany(p => DaemonConfigLoader.Existing(section, "good-hashes", folder, p, "a list of SHA-256 hashes"))],
            Clamd = section.Text("clamd"),
            ClamdSignatures = section.Text("clamd-signatures"),
            Yara = section.Text("yara") is { } yara ? DaemonConfigLoader.Resolve(folder, yara) : null,
            Icap = section.Text("icap"),
            Isolate = section.Bool("isolate", true),
            MaxFileBytes = section.Size("max-file-size", 64L << 20),
            Fleet = section.Section("fleet") is { } fleet ? ReadFleet(fleet) : null,
            GuestApiListen = section.Text("guest-api"),
            GuestClamdListen = section.Text("guest-clamd"),
            GuestSockets = section.Text("guest-sockets") is { } sockets ? DaemonConfigLoader.Resolve(folder, sockets) : null,
            GuestVsockPort = section.Integer("guest-vsock", 0, 0, int.MaxValue),
            GuestCids = ReadCids(section),
        };
        section.RejectUnknownKeys();
        return model;
    }

    private static FleetModel ReadFleet(YamlSection section)
    {
        var trusted = new List<byte[]>();
        foreach (string text in section.Texts("trust"))
        {
            byte[] key = new byte[33];
            if (Convert.TryFromBase64String(text, key, out int length) && length == 32)
            {
                trusted.Add(key[..32]);
            }
            else
            {
                section.Error("trust", $"'{text}' is no public key, expected 32 bytes in base64 ('GET /v1/key' of a host's guest API shows it)");
            }
        }

        var model = new FleetModel(section.RequiredText("redis"), trusted);
        section.RejectUnknownKeys();
        return model;
    }

    private static Dictionary<uint, string> ReadCids(YamlSection section)
    {
        var cids = new Dictionary<uint, string>();
        foreach (YamlSection line in section.Sections("guest-cids"))
        {
            uint cid = (uint)line.Integer("cid", 0, 0, int.MaxValue);
            if (cid < 3 || !cids.TryAdd(cid, line.RequiredText("guest")))
            {
                line.Error("cid", "expected a context id from 3 up, each once");
            }

            line.RejectUnknownKeys();
        }

        return cids;
    }
}
