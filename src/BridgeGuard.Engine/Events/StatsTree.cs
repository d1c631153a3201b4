using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Events;

/// <summary>The counters that stats records carry under a configuration, as the tree of objects that consumers read.</summary>
/// <remarks>Built once at start; immutable. Leaves hold an index into <see cref="WorkerCounters"/>.</remarks>
public sealed class StatsTree
{
    private StatsTree(string name)
    {
        Name = name;
        Utf8Name = Encoding.UTF8.GetBytes(name);
    }

    /// <summary>Last part of the dotted name; empty for the root.</summary>
    public string Name { get; }

    public byte[] Utf8Name { get; }

    /// <summary>Index of the counter; -1 for an inner node.</summary>
    public int Index { get; private init; } = -1;

    /// <summary>The total over workers is the largest value, not the sum.</summary>
    public bool IsMaximum { get; private init; }

    /// <summary>A counter of our own that consumers do not expect: written only when it is not zero.</summary>
    public bool IsOwn { get; private init; }

    public List<StatsTree> Children { get; } = [];

    public static StatsTree Build(EngineSettings settings)
    {
        StatsTree root = new("");
        AddFixed(root, settings);
        if (settings.Stats.DecoderEvents)
        {
            AddEvents(root, 0, (int)PacketEvent.FirstStreamEvent, settings.Stats.DecoderEventsPrefix);
        }

        if (settings.Stats.StreamEvents)
        {
            AddEvents(root, (int)PacketEvent.FirstStreamEvent, WorkerCounters.PacketEventCapacity, "");
        }

        AddDropReasons(root, settings);
        AddPolicies(root, settings);
        AddApplications(root, settings);
        return root;
    }

    /// <summary>The total of a leaf over all workers.</summary>
    public long Total(WorkerCounters[] workers)
    {
        long total = 0;
        foreach (WorkerCounters counters in workers)
        {
            total = IsMaximum ? Math.Max(total, counters[Index]) : total + counters[Index];
        }

        return total;
    }

    private static void AddFixed(StatsTree root, EngineSettings settings)
    {
        for (Counter counter = 0; counter < Counter.Count; counter++)
        {
            string name = CounterNames.Of(counter);
            if (IsCounted(name[..name.IndexOf('.', StringComparison.Ordinal)], settings) && (settings.Files.StoreEnabled || counter is not (Counter.FileStoreErrors or Counter.FileStoreOpenFilesMaxHit)))
            {
                root.Add(name, (int)counter, counter is Counter.DecoderMaxPacketSize or Counter.DecoderAveragePacketSize or Counter.MemcapPressureMax);
            }
        }
    }

    /// <summary>What is switched off has no counters, so that none of them looks like a thing that never happens.</summary>
    private static bool IsCounted(string group, EngineSettings settings) => group switch
    {
        "ips" => settings.IsInline,
        "firewall" => settings.FirewallMode,
        "detect" => settings.DetectionEnabled,
        _ => true,
    };

    private static void AddEvents(StatsTree root, int first, int end, string prefix)
    {
        for (int i = first; i < end; i++)
        {
            // Events without a group in front have a counter of their own elsewhere.
            if (PacketEvents.NameOf((PacketEvent)i) is { } name && name.Contains('.', StringComparison.Ordinal))
            {
                root.Add(prefix.Length == 0 ? name : $"{prefix}.{name}", WorkerCounters.EventIndex((PacketEvent)i));
            }
        }
    }

    private static void AddDropReasons(StatsTree root, EngineSettings settings)
    {
        foreach ((DropReason reason, string name) in IpsReasons)
        {
            if (settings.IsInline)
            {
                root.Add($"ips.drop_reason.{name}", WorkerCounters.IpsDropIndex(reason));
            }
        }

        foreach ((DropReason reason, string name) in FirewallReasons)
        {
            if (settings.FirewallMode)
            {
                root.Add($"firewall.drop_reason.{name}", WorkerCounters.FirewallDropIndex(reason));
            }
        }
    }

    private static void AddPolicies(StatsTree root, EngineSettings settings)
    {
        AddPolicy(root, "flow.memcap", ExceptionCause.FlowMemcap, settings.Flow.MemcapPolicy);
        AddPolicy(root, "defrag.memcap", ExceptionCause.DefragMemcap, settings.Defrag.MemcapPolicy);
        AddPolicy(root, "tcp.ssn_memcap", ExceptionCause.StreamSessionMemcap, settings.Stream.MemcapPolicy);
        AddPolicy(root, "tcp.midstream", ExceptionCause.StreamMidstream, settings.Stream.MidstreamPolicy);
        AddPolicy(root, "tcp.reassembly", ExceptionCause.StreamReassemblyMemcap, settings.Stream.Reassembly.MemcapPolicy);
        AddPolicy(root, "app_layer.error", ExceptionCause.AppLayerError, settings.AppLayer.ErrorPolicy);
    }

    private static void AddPolicy(StatsTree root, string name, ExceptionCause cause, ExceptionPolicy configured)
    {
        if (configured == ExceptionPolicy.Ignore)
        {
            return;
        }

        foreach (ExceptionPolicy policy in AppliedPolicies)
        {
            // A packet has no flow yet, or the flow is just being picked up: these do not exist there.
            bool hasNoFlow = cause is ExceptionCause.FlowMemcap or ExceptionCause.DefragMemcap && policy is ExceptionPolicy.PassFlow or ExceptionPolicy.DropFlow;
            bool isFlowOnly = cause == ExceptionCause.StreamMidstream && policy is ExceptionPolicy.PassPacket or ExceptionPolicy.DropPacket;
            if (!hasNoFlow && !isFlowOnly)
            {
                root.Add($"exception_policy.{name}.{NameOf(policy)}", WorkerCounters.PolicyIndex(cause, policy));
            }
        }
    }

    private static void AddApplications(StatsTree root, EngineSettings settings)
    {
        foreach (byte transport in Transports)
        {
            bool isUdp = transport == IpProtocols.Udp;
            root.Add(isUdp ? "app_layer.flow.failed_udp" : "app_layer.flow.failed_tcp", WorkerCounters.AppFlowIndex(ProtocolId.Failed, transport));
            if (!isUdp)
            {
                root.Add("app_layer.error.failed_tcp.gap", WorkerCounters.AppErrorIndex(ProtocolId.Failed, transport, AppErrorKind.Gap));
            }

            foreach (Protocol protocol in ProtocolCatalog.All)
            {
                if (!(isUdp ? protocol.UsesUdp : protocol.UsesTcp) || !settings.AppLayer.IsEnabled(protocol))
                {
                    continue;
                }

                string own = protocol.Id == ProtocolId.Http1 ? "http" : protocol.Name;
                string name = protocol.UsesTcp && protocol.UsesUdp ? own + (isUdp ? "_udp" : "_tcp") : own;
                root.Add($"app_layer.flow.{name}", WorkerCounters.AppFlowIndex(protocol.Id, transport));
                if (settings.AppLayer.IsEnabled(protocol, isUdp ? "udp" : "tcp", out bool isOnlyNamed) && isOnlyNamed)
                {
                    continue;
                }

                root.Add($"app_layer.tx.{name}", WorkerCounters.AppTransactionIndex(protocol.Id, transport));
                AddErrors(root, name, protocol.Id, transport, settings.Stats.AppErrorPolicies);
            }
        }
    }

    private static void AddErrors(StatsTree root, string name, ProtocolId id, byte transport, bool withPolicies)
    {
        if (transport != IpProtocols.Udp)
        {
            root.Add($"app_layer.error.{name}.gap", WorkerCounters.AppErrorIndex(id, transport, AppErrorKind.Gap));
        }

        root.Add($"app_layer.error.{name}.alloc", WorkerCounters.AppErrorIndex(id, transport, AppErrorKind.Allocation));
        root.Add($"app_layer.error.{name}.parser", WorkerCounters.AppErrorIndex(id, transport, AppErrorKind.Parser));
        root.Add($"app_layer.error.{name}.internal", WorkerCounters.AppErrorIndex(id, transport, AppErrorKind.Internal));
        if (!withPolicies)
        {
            return;
        }

        foreach (ExceptionPolicy policy in AppliedPolicies)
        {
            root.Add($"app_layer.error.{name}.exception_policy.{NameOf(policy)}", WorkerCounters.AppPolicyIndex(id, transport, policy));
        }
    }

    private void Add(string path, int index, bool isMaximum = false)
    {
        StatsTree node = this;
        string[] parts = path.Split('.');
        for (int i = 0; i < parts.Length - 1; i++)
        {
            StatsTree? next = node.Children.Find(child => child.Name == parts[i]);
            if (next is null)
            {
                next = new StatsTree(parts[i]);
                node.Children.Add(next);
            }

            node = next;
        }

        node.Children.Add(new StatsTree(parts[^1]) { Index = index, IsMaximum = isMaximum, IsOwn = IsOurs(path) });
    }

    private static bool IsOurs(string path) => path.StartsWith("worker.", StringComparison.Ordinal) || path is "decoder.igmp" or "decoder.etag" or "pcap_log.written" or "pcap_log.filtered_bpf" or "detect.pcre_match_limit" or "ips.drop_reason.file_verdict"
        or "ips.drop_reason.file_hold" or "ips.drop_reason.quarantine" or "ips.drop_reason.redirect"
        or "ips.drop_reason.link_guard" or "ips.drop_reason.service_contract" or "ips.drop_reason.rate_limit" or "ips.drop_reason.tarpit"
        or "ips.drop_reason.blocked" or "ips.drop_reason.behaviour" or "ips.drop_reason.encrypted_policy" or "ips.drop_reason.block_page" or "ips.drop_reason.latency_budget"
        || path.StartsWith("decoder.event.arp.", StringComparison.Ordinal);

    private static string NameOf(ExceptionPolicy policy) => policy switch
    {
        ExceptionPolicy.PassPacket => "pass_packet",
        ExceptionPolicy.PassFlow => "pass_flow",
        ExceptionPolicy.Bypass => "bypass",
        ExceptionPolicy.DropPacket => "drop_packet",
        ExceptionPolicy.DropFlow => "drop_flow",
        ExceptionPolicy.Reject => "reject",
        ExceptionPolicy.RejectBoth => "reject_both",
        _ => "ignore",
    };

    private static readonly byte[] Transports = [IpProtocols.Tcp, IpProtocols.Udp];

    private static readonly ExceptionPolicy[] AppliedPolicies =
    [
        ExceptionPolicy.PassPacket,
        ExceptionPolicy.PassFlow,
        ExceptionPolicy.Bypass,
        ExceptionPolicy.DropPacket,
        ExceptionPolicy.DropFlow,
        ExceptionPolicy.Reject,
        ExceptionPolicy.RejectBoth,
    ];

    private static readonly (DropReason, string)[] IpsReasons =
    [
        (DropReason.DecodeError, "decode_error"),
        (DropReason.DefragError, "defrag_error"),
        (DropReason.DefragMemcap, "defrag_memcap"),
        (DropReason.FlowMemcap, "flow_memcap"),
        (DropReason.FlowDrop, "flow_drop"),
        (DropReason.AppLayerError, "applayer_error"),
        (DropReason.AppLayerMemcap, "applayer_memcap"),
        (DropReason.Rules, "rules"),
        (DropReason.RulesThreshold, "threshold_detection_filter"),
        (DropReason.StreamError, "stream_error"),
        (DropReason.StreamMemcap, "stream_memcap"),
        (DropReason.StreamMidstream, "stream_midstream"),
        (DropReason.StreamReassembly, "stream_reassembly"),
        (DropReason.StreamUrgent, "stream_urgent"),
        (DropReason.Nfq, "nfq_error"),
        (DropReason.TunnelPacketDrop, "tunnel_packet_drop"),
        (DropReason.ExceptionPolicyFlowDrop, "exception_policy_flow_drop"),
        (DropReason.FileVerdict, "file_verdict"),
        (DropReason.FileHold, "file_hold"),
        (DropReason.Quarantine, "quarantine"),
        (DropReason.Redirect, "redirect"),
        (DropReason.LinkGuard, "link_guard"),
        (DropReason.Contract, "service_contract"),
        (DropReason.RateLimit, "rate_limit"),
        (DropReason.Tarpit, "tarpit"),
        (DropReason.Blocked, "blocked"),
        (DropReason.Behaviour, "behaviour"),
        (DropReason.EncryptedPolicy, "encrypted_policy"),
        (DropReason.BlockPage, "block_page"),
        (DropReason.LatencyBudget, "latency_budget"),
    ];

    private static readonly (DropReason, string)[] FirewallReasons =
    [
        (DropReason.FirewallRules, "rules"),
        (DropReason.DefaultPacketPolicy, "default_packet_policy"),
        (DropReason.DefaultAppPolicy, "default_app_policy"),
        (DropReason.FirewallFlowDrop, "flow_drop"),
        (DropReason.StreamPreHook, "pre_stream_hook"),
        (DropReason.FlowPreHook, "pre_flow_hook"),
    ];
}
