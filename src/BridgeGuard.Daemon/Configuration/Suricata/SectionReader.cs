using System.Globalization;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Daemon.Configuration.Suricata;

/// <summary>Typed values out of a tree, with the place in every complaint.</summary>
internal sealed class SectionReader(ConfigNode root, List<ConfigMessage> messages)
{
    public ConfigNode Root { get; } = root;

    public void Tell(ConfigSeverity severity, string module, string text) => messages.Add(new ConfigMessage(severity, module, text));

    public bool Bool(string path, bool otherwise) => Root.GetBool(path, otherwise);

    public string? Text(string path) => Root.Get(path);

    /// <summary>A whole number of at least 0.</summary>
    public int Int(string path, int otherwise)
    {
        if (Root.Find(path) is not { Value: { } value } node)
        {
            return otherwise;
        }

        return int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? number
            : throw new ConfigException(node.Position, $"{path}: \"{value}\" is not a whole number");
    }

    /// <summary>A size with an optional unit.</summary>
    public long Size(string path, long otherwise)
    {
        if (Root.Find(path) is not { Value: { } value } node)
        {
            return otherwise;
        }

        return ProtocolSettings.TryParseSize(value, out long size)
            ? size
            : throw new ConfigException(node.Position, $"{path}: invalid size argument: '{value}'. Valid input is <number><unit>. Unit can be kb/KiB, mb/MiB or gb/GiB");
    }

    /// <summary>An exception policy by its name; null for <c>auto</c> and where nothing is written.</summary>
    public ExceptionPolicy? Policy(string path)
    {
        if (Root.Find(path) is not { Value: { } value } node)
        {
            return null;
        }

        return value.ToLowerInvariant() switch
        {
            "auto" => null,
            "ignore" => ExceptionPolicy.Ignore,
            "pass-packet" => ExceptionPolicy.PassPacket,
            "pass-flow" => ExceptionPolicy.PassFlow,
            "bypass" => ExceptionPolicy.Bypass,
            "drop-packet" => ExceptionPolicy.DropPacket,
            "drop-flow" => ExceptionPolicy.DropFlow,
            "reject" => ExceptionPolicy.Reject,
            "reject-both" => ExceptionPolicy.RejectBoth,
            _ => throw new ConfigException(
                node.Position,
                $"\"{value}\" is not a valid exception policy value. Valid options are drop-flow, pass-flow, bypass, reject, drop-packet, pass-packet or ignore."),
        };
    }
}
