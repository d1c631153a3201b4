using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Sip;

/// <summary>Writes the <c>sip</c> object with the session description as <c>sdp</c>.</summary>
internal sealed class SipEve : EveLogger
{
    public override string EventType => "sip";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    /// <summary>On TCP a message is known by the packet that acknowledges it, and Suricata's records have that packet's ends.</summary>
    public override bool UsesCarryingPacket => true;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var sip = (SipTransaction)transaction;
        if (!sip.IsMessage)
        {
            return false;
        }

        writer.StartObject("sip"u8);
        if (sip.IsRequest)
        {
            writer.Bytes("method"u8, sip.Bytes[sip.First]);
            writer.Bytes("uri"u8, sip.Bytes[sip.Second]);
            writer.Bytes("version"u8, sip.Bytes[sip.Version]);
            writer.Bytes("request_line"u8, sip.Bytes[sip.Line]);
        }
        else
        {
            writer.Bytes("version"u8, sip.Bytes[sip.Version]);
            writer.Bytes("code"u8, sip.Bytes[sip.First]);
            writer.Bytes("reason"u8, sip.Bytes[sip.Second]);
            writer.Bytes("response_line"u8, sip.Bytes[sip.Line]);
        }

        if (sip.Session.Exists)
        {
            WriteSession(writer, sip.Session, sip.Bytes);
        }

        writer.EndObject();
        return true;
    }

    private static void WriteSession(EveWriter writer, SdpSession session, ByteBuffer bytes)
    {
        writer.StartObject("sdp"u8);
        WriteValue(writer, "origin"u8, bytes, session.Origin);
        WriteValue(writer, "session_name"u8, bytes, session.Name);
        WriteValue(writer, "session_info"u8, bytes, session.Info);
        WriteValue(writer, "uri"u8, bytes, session.Uri);
        WriteValue(writer, "email"u8, bytes, session.Email);
        WriteValue(writer, "phone_number"u8, bytes, session.Phone);
        WriteValue(writer, "connection_data"u8, bytes, session.Connection);
        WriteList(writer, "bandwidths"u8, bytes, in session.Bandwidths, 0, session.Bandwidths.Count);
        writer.StartArray("time_descriptions"u8);
        for (int i = 0; i < session.Times.Count; i++)
        {
            writer.StartObject();
            WriteValue(writer, "time"u8, bytes, session.Times[i].Time);
            WriteValue(writer, "repeat_time"u8, bytes, session.Times[i].Repeat);
            writer.EndObject();
        }

        writer.EndArray();
        WriteValue(writer, "timezone"u8, bytes, session.TimeZone);
        WriteValue(writer, "encryption_key"u8, bytes, session.Key);
        WriteList(writer, "attributes"u8, bytes, in session.Attributes, 0, session.Attributes.Count);
        WriteMedia(writer, session, bytes);
        writer.EndObject();
    }

    private static void WriteMedia(EveWriter writer, SdpSession session, ByteBuffer bytes)
    {
        if (session.Media.Count == 0)
        {
            return;
        }

        writer.StartArray("media_descriptions"u8);
        for (int i = 0; i < session.Media.Count; i++)
        {
            SdpMedium medium = session.Media[i];
            writer.StartObject();
            WriteValue(writer, "media"u8, bytes, medium.Media);
            WriteValue(writer, "media_info"u8, bytes, medium.Info);
            WriteList(writer, "bandwidths"u8, bytes, in session.MediaBandwidths, medium.FirstBandwidth, medium.BandwidthCount);
            WriteValue(writer, "connection_data"u8, bytes, medium.Connection);
            WriteValue(writer, "encryption_key"u8, bytes, medium.Key);
            WriteList(writer, "attributes"u8, bytes, in session.MediaAttributes, medium.FirstAttribute, medium.AttributeCount);
            writer.EndObject();
        }

        writer.EndArray();
    }

    private static void WriteValue(EveWriter writer, ReadOnlySpan<byte> name, ByteBuffer bytes, Slice value)
    {
        if (value.Exists)
        {
            writer.Bytes(name, bytes[value]);
        }
    }

    private static void WriteList(EveWriter writer, ReadOnlySpan<byte> name, ByteBuffer bytes, in SdpList<Slice> list, int first, int count)
    {
        if (count == 0)
        {
            return;
        }

        writer.StartArray(name);
        for (int i = first; i < first + count; i++)
        {
            writer.BytesValue(bytes[list[i]]);
        }

        writer.EndArray();
    }
}
