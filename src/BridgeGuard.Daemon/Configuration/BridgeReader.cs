using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Nfqueue;
using BridgeGuard.Daemon.Plane;

namespace BridgeGuard.Daemon.Configuration;

/// <summary>Reads how the host's bridges and taps are attached and what happens on them when the data plane fails.</summary>
internal static class BridgeReader
{
    public static NfqueueOptions ReadNfqueue(YamlSection root)
    {
        YamlSection? section = root.Section("nfqueue");
        var options = new NfqueueOptions
        {
            Bridges = [],
            FirstQueue = (ushort)(section?.Integer("first-queue", 40, 0, ushort.MaxValue - 64) ?? 40),
            Rules = section?.Choice("rules", NfqueueRules.Auto) ?? NfqueueRules.Auto,
            QueueLength = section?.Integer("length", 4096, 16, 1 << 20) ?? 4096,
            Gso = section?.Bool("gso", true) ?? true,
            Mark = (uint)(section?.Integer("mark", 0, 0, int.MaxValue) ?? 0),
        };
        section?.RejectUnknownKeys();
        return options;
    }

    /// <summary>Workers of bridges: none where there is no bridge, each tap has its own.</summary>
    public static int ReadWorkers(YamlSection root, List<BridgeModel> bridges)
    {
        int workers = root.Integer("workers", 1, 1, 64);
        return bridges.Count == 0 ? 0 : workers;
    }

    /// <summary>A netfilter queue does not know by which port a frame came before it is judged: what is enforced is so for all.</summary>
    public static AttachWay ReadAttach(YamlSection root, List<BridgeModel> bridges)
    {
        AttachWay way = root.Choice("attach", AttachWay.Bridge);
        if (way == AttachWay.Nfqueue
            && (bridges.Exists(b => b.Ports.Any(p => p.Mode is not null)) || bridges.Where(b => b.Mode != PortMode.Off).DistinctBy(b => b.Mode).Count() > 1))
        {
            root.Error("attach", "netfilter queues have one mode for all ports of all bridges that are not off, expected 'attach: bridge' where modes differ");
        }

        return way;
    }

    public static List<TapModel> ReadTaps(YamlSection root)
    {
        var taps = new List<TapModel>();
        foreach (YamlSection section in root.Sections("taps"))
        {
            taps.Add(new TapModel(section.RequiredText("device"), section.Text("filter")));
            section.RejectUnknownKeys();
        }

        return taps;
    }

    public static BridgeModel ReadBridge(YamlSection section)
    {
        string name = section.RequiredText("name");
        PortMode mode = section.Choice("mode", PortMode.Inline);
        FailChoice fail = ReadFail(section);
        var ports = new List<PortModel>();
        foreach (YamlSection port in section.Sections("ports"))
        {
            ports.Add(new PortModel(port.RequiredText("name"), port.Has("mode") ? port.Choice("mode", mode) : null, ReadFail(port)));
            port.RejectUnknownKeys();
        }

        section.RejectUnknownKeys();
        return new BridgeModel(name, mode, fail, ports);
    }

    /// <summary><c>fail: open</c>, <c>fail: closed</c>, or a mapping with a choice for each reason.</summary>
    public static FailChoice ReadFail(YamlSection section)
    {
        if (!section.Has("fail"))
        {
            return FailChoice.Unset;
        }

        if (!section.IsMapping("fail"))
        {
            return FailChoice.Of(section.Choice("fail", FailMode.Open));
        }

        YamlSection fail = section.Section("fail")!;
        FailMode? Choice(string key) => fail.Has(key) ? fail.Choice(key, FailMode.Open) : null;
        var choice = new FailChoice(Choice("crash"), Choice("hang"), Choice("overload"), Choice("start"), Choice("stop"));
        fail.RejectUnknownKeys();
        return choice;
    }
}
