using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Protocols.Tls;

namespace BridgeGuard.Engine.Protocols.Quic;

/// <summary>Writes the <c>quic</c> object. Option: <c>ja4</c>, on unless switched off.</summary>
internal sealed class QuicEve : EveLogger
{
    public override string EventType => "quic";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var quic = (QuicTransaction)transaction;
        writer.StartObject("quic"u8);
        Span<byte> version = stackalloc byte[8];
        writer.Text("version"u8, version[..QuicVersions.Format(quic.Version, version)]);
        if (quic.Sni.Exists)
        {
            writer.Bytes("sni"u8, quic.Text[quic.Sni]);
        }

        if (quic.UserAgent.Exists)
        {
            writer.Bytes("ua"u8, quic.Text[quic.UserAgent]);
        }

        if (quic.Cyu.Exists)
        {
            writer.StartArray("cyu"u8);
            writer.StartObject();
            writer.Text("hash"u8, quic.Text[quic.CyuHash]);
            writer.Bytes("string"u8, quic.Text[quic.Cyu]);
            writer.EndObject();
            writer.EndArray();
        }

        if (quic.Hello is { } hello)
        {
            WriteHello(writer, hello, quic.ExistsIn(Direction.ToServer));
        }

        writer.EndObject();
        return true;
    }

    private static void WriteHello(EveWriter writer, TlsTransaction tls, bool isClient)
    {
        writer.StartObject(isClient ? "ja3"u8 : "ja3s"u8);
        writer.Text("hash"u8, isClient ? tls.Ja3Hash : tls.Ja3SHash);
        writer.Text("string"u8, isClient ? tls.Ja3 : tls.Ja3S);
        writer.EndObject();
        if (isClient && writer.Options.GetBool("ja4", true))
        {
            writer.Text("ja4"u8, tls.Ja4);
        }

        TlsHello hello = tls.Hello(isClient);
        if (hello.Extensions.Count == 0)
        {
            return;
        }

        writer.StartArray("extensions"u8);
        foreach (ushort type in hello.Extensions.Values)
        {
            writer.StartObject();
            ReadOnlySpan<byte> name = QuicTables.ExtensionName(type);
            if (!name.IsEmpty)
            {
                writer.Text("name"u8, name);
            }

            writer.Number("type"u8, (ulong)type);
            WriteValues(writer, type, hello);
            writer.EndObject();
        }

        writer.EndArray();
    }

    /// <summary>What the extensions say whose values are worth reading.</summary>
    private static void WriteValues(EveWriter writer, ushort type, TlsHello hello)
    {
        switch (type)
        {
            case TlsTables.ServerName when hello.Sni.Exists:
                writer.StartArray("values"u8);
                writer.BytesValue(hello.Text[hello.Sni]);
                writer.EndArray();
                break;
            case TlsTables.Alpn when hello.AlpnCount > 0:
                writer.StartArray("values"u8);
                for (int i = 0; i < hello.AlpnCount; i++)
                {
                    writer.BytesValue(hello.Alpn(i));
                }

                writer.EndArray();
                break;
            case TlsTables.SignatureAlgorithms when hello.SignatureAlgorithms.Count > 0:
                WriteNumbers(writer, hello.SignatureAlgorithms.Values, isVersion: false);
                break;
            case TlsTables.SupportedVersions when hello.SupportedVersions.Count > 0:
                WriteNumbers(writer, hello.SupportedVersions.Values, isVersion: true);
                break;
        }
    }

    private static void WriteNumbers(EveWriter writer, ReadOnlySpan<ushort> values, bool isVersion)
    {
        Span<byte> text = stackalloc byte[32];
        writer.StartArray("values"u8);
        foreach (ushort value in values)
        {
            ReadOnlySpan<byte> name = isVersion ? VersionName(value) : default;
            if (!name.IsEmpty)
            {
                writer.TextValue(name);
                continue;
            }

            writer.TextValue(text[..FormatNumber(value, isVersion, text)]);
        }

        writer.EndArray();
    }

    /// <summary>A version without a name is shown with its number in both forms.</summary>
    private static int FormatNumber(ushort value, bool isVersion, Span<byte> text)
    {
        Utf8Line line = new(text);
        if (!isVersion)
        {
            line.Add(value);
            return line.Length;
        }

        line.Add("TlsVersion("u8);
        line.Add(value);
        line.Add(" / 0x"u8);
        line.Add(value, 'x');
        line.Add(")"u8);
        return line.Length;
    }

    private static ReadOnlySpan<byte> VersionName(ushort version) => version switch
    {
        TlsTables.Tls13 => "Tls13"u8,
        TlsTables.Tls12 => "Tls12"u8,
        TlsTables.Tls11 => "Tls11"u8,
        TlsTables.Tls10 => "Tls10"u8,
        _ => default,
    };
}
