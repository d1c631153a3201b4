using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Daemon.Configuration;

/// <summary>The optional sections of <c>bridgeguard.yaml</c> that are Suricata's own, key for key: <c>stream</c>, <c>defrag</c>, <c>flow</c> and the others of <see cref="Keys"/>.</summary>
/// <remarks>
/// Where a section is not there the daemon's own settings hold, which fit guests on a bridge; where it is, all of it is read as Suricata reads it. Exception policies
/// that are not written ignore: what becomes of traffic that cannot be inspected is a matter of <c>fail</c>.
/// </remarks>
internal static class InspectionReader
{
    public static readonly string[] Keys = ["stream", "defrag", "flow", "flow-timeouts", "decoder", "vlan", "host-os-policy", "pcre", "packet-alert-max"];

    /// <param name="root">The whole file.</param>
    /// <param name="settings">What holds where it says nothing.</param>
    /// <param name="ports">Port variables, which <c>decoder</c> may name (<c>$VXLAN_PORTS</c>).</param>
    public static EngineSettings Read(YamlSection root, EngineSettings settings, IReadOnlyDictionary<string, string> ports)
    {
        // Each key is asked for, which makes it known.
        string[] written = [.. Keys.Where(root.Has)];
        if (written.Length == 0)
        {
            return settings;
        }

        try
        {
            ConfigNode tree = YamlTreeReader.ReadFile(root.File);
            tree.Children.RemoveAll(node => !written.Contains(node.Name));
            tree.Ensure("exception-policy", tree.Position).Value = "ignore";
            foreach ((string name, string value) in ports)
            {
                tree.Ensure("vars.port-groups." + name, tree.Position).Value = value;
            }

            var overrides = new SuricataOverrides { IsOffline = false };
            var section = new SectionReader(tree, []);
            EngineSettings read = new EngineSettingsReader(section, new VariableReader(tree), overrides).Read(settings.IsInline, new OutputReader(section, ".", overrides));
            return Merge(settings, read, written);
        }
        catch (ConfigException problem)
        {
            root.Error(null, problem.Message);
            return settings;
        }
    }

    private static EngineSettings Merge(EngineSettings settings, EngineSettings read, string[] written) => settings with
    {
        ValidateChecksums = written.Contains("stream") ? read.ValidateChecksums : settings.ValidateChecksums,
        Stream = written.Contains("stream") ? read.Stream : settings.Stream,
        Defrag = written.Contains("defrag") ? read.Defrag with { DropOverlaps = settings.Defrag.DropOverlaps } : settings.Defrag,
        Decoder = written.Contains("decoder") ? read.Decoder : settings.Decoder,
        HostOs = written.Contains("host-os-policy") ? read.HostOs : settings.HostOs,
        Flow = written.Any(key => key is "flow" or "flow-timeouts" or "vlan" or "decoder")
            ? read.Flow with { ExpireLazily = settings.Flow.ExpireLazily, MaxFlows = settings.Flow.MaxFlows } : settings.Flow,
        Detection = settings.Detection with
        {
            PacketAlertMax = read.Detection.PacketAlertMax,
            PcreMatchLimit = read.Detection.PcreMatchLimit,
            PcreRecursionLimit = read.Detection.PcreRecursionLimit,
        },
    };
}
