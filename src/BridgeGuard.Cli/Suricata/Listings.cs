using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Frames;
using BridgeGuard.Rules.Keywords;

namespace BridgeGuard.Cli.Suricata;

/// <summary>Lists of what rules can say.</summary>
internal static class Listings
{
    /// <summary>Names, or with help; false when a single keyword is asked for that does not exist.</summary>
    public static bool Keywords(string argument, TextWriter output)
    {
        IReadOnlyList<KeywordHelp> all = KeywordList.All;
        switch (argument)
        {
            case "":
                output.WriteLine("=====Supported keywords=====");
                foreach (KeywordHelp keyword in all)
                {
                    output.WriteLine($"- {keyword.Name}");
                }

                return true;
            case "csv":
                // Columns and words as Suricata's, for editors that read them; the pages of its manual are not named.
                output.WriteLine("name;description;app layer;features;documentation");
                foreach (KeywordHelp keyword in all)
                {
                    output.WriteLine($"{keyword.Name};{keyword.Help.Replace(';', ',')};Unset;{keyword.Features};;");
                }

                return true;
            case "all":
                foreach (KeywordHelp keyword in all)
                {
                    WriteOne(keyword, output);
                }

                return true;
            default:
                KeywordHelp? one = all.FirstOrDefault(keyword => keyword.Name == argument);
                if (one is null)
                {
                    return false;
                }

                WriteOne(one, output);
                return true;
        }
    }

    public static void Protocols(TextWriter output)
    {
        output.WriteLine("=========Supported App Layer Protocols=========");
        foreach (Protocol protocol in ProtocolCatalog.All.OrderBy(p => p.Name, StringComparer.Ordinal))
        {
            output.WriteLine(protocol.Id == ProtocolId.Http1 ? "http" : protocol.Name);
        }
    }

    /// <summary>Where rules of a protocol can be hooked, in the order in which a transaction passes them.</summary>
    public static void Hooks(TextWriter output)
    {
        output.WriteLine("=========Supported App Layer Hooks=========");
        foreach (Protocol protocol in ProtocolCatalog.All.OrderBy(p => p.Name, StringComparer.Ordinal))
        {
            foreach ((Direction direction, string side) in new[] { (Direction.ToServer, "request"), (Direction.ToClient, "response") })
            {
                string[] names = [$"{side}_started", .. protocol.ProgressNames(direction), $"{side}_complete"];
                foreach (string name in names.Distinct())
                {
                    output.WriteLine($"{protocol.Name}:{name}");
                }
            }
        }
    }

    /// <summary>What <c>frame</c> can look into.</summary>
    public static void Frames(TextWriter output)
    {
        output.WriteLine("=========Supported App Layer Frames=========");
        foreach (Protocol protocol in ProtocolCatalog.All.Where(p => p.Frames.Length > 0).OrderBy(p => p.Name, StringComparer.Ordinal))
        {
            if (protocol.UsesTcp)
            {
                output.WriteLine($"tcp: {protocol.Name}.{FrameTypes.StreamName}");
            }

            foreach (string frame in protocol.Frames)
            {
                if (protocol.UsesTcp)
                {
                    output.WriteLine($"tcp: {protocol.Name}.{frame}");
                }

                if (protocol.UsesUdp)
                {
                    output.WriteLine($"udp: {protocol.Name}.{frame}");
                }
            }
        }
    }

    private static void WriteOne(KeywordHelp keyword, TextWriter output)
    {
        output.WriteLine($"= {keyword.Name} =");
        output.WriteLine($"Description: {keyword.Help}");
        output.WriteLine($"Features: {keyword.Features.Replace(':', ',')}");
        output.WriteLine();
    }
}
