using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Sip;

/// <summary>Numbers of the inspection buffers.</summary>
internal enum SipBuffer
{
    Method,
    Uri,
    RequestLine,
    StatCode,
    StatMessage,
    ResponseLine,
    Protocol,
    From,
    To,
    Via,
    UserAgent,
    ContentType,
    ContentLength,
    SdpOrigin,
    SdpSessionName,
    SdpSessionInfo,
    SdpUri,
    SdpEmail,
    SdpPhone,
    SdpConnection,
    SdpBandwidth,
    SdpTime,
    SdpRepeatTime,
    SdpTimeZone,
    SdpKey,
    SdpAttribute,
    SdpMedia,
    SdpMediaInfo,
    SdpMediaConnection,
    SdpMediaKey,
}

/// <summary>What rules may look at.</summary>
internal static class SipBuffers
{
    public static readonly BufferDescriptor[] All =
    [
        One("sip.method", SipBuffer.Method, DirectionMask.ToServer, "the method"),
        One("sip.uri", SipBuffer.Uri, DirectionMask.ToServer, "the request URI"),
        One("sip.request_line", SipBuffer.RequestLine, DirectionMask.ToServer, "the request's first line"),
        One("sip.stat_code", SipBuffer.StatCode, DirectionMask.ToClient, "the status code"),
        One("sip.stat_msg", SipBuffer.StatMessage, DirectionMask.ToClient, "the reason"),
        One("sip.response_line", SipBuffer.ResponseLine, DirectionMask.ToClient, "the response's first line"),
        One("sip.protocol", SipBuffer.Protocol, DirectionMask.Both, "the version"),
        Many("sip.from", SipBuffer.From, "a From header"),
        Many("sip.to", SipBuffer.To, "a To header"),
        Many("sip.via", SipBuffer.Via, "a Via header"),
        Many("sip.user_agent", SipBuffer.UserAgent, "a User-Agent header"),
        Many("sip.content_type", SipBuffer.ContentType, "a Content-Type header"),
        Many("sip.content_length", SipBuffer.ContentLength, "a Content-Length header"),
        One("sdp.origin", SipBuffer.SdpOrigin, DirectionMask.Both, "the session's origin"),
        One("sdp.session_name", SipBuffer.SdpSessionName, DirectionMask.Both, "the session's name"),
        One("sdp.session_info", SipBuffer.SdpSessionInfo, DirectionMask.Both, "the session's description"),
        One("sdp.uri", SipBuffer.SdpUri, DirectionMask.Both, "the session's URI"),
        One("sdp.email", SipBuffer.SdpEmail, DirectionMask.Both, "the mail address"),
        One("sdp.phone_number", SipBuffer.SdpPhone, DirectionMask.Both, "the telephone number"),
        One("sdp.connection_data", SipBuffer.SdpConnection, DirectionMask.Both, "the session's connection"),
        Many("sdp.bandwidth", SipBuffer.SdpBandwidth, "a bandwidth of the session"),
        Many("sdp.time", SipBuffer.SdpTime, "a start and stop time"),
        Many("sdp.repeat_time", SipBuffer.SdpRepeatTime, "a repetition"),
        One("sdp.timezone", SipBuffer.SdpTimeZone, DirectionMask.Both, "the time zone adjustments"),
        One("sdp.encryption_key", SipBuffer.SdpKey, DirectionMask.Both, "the session's key"),
        Many("sdp.attribute", SipBuffer.SdpAttribute, "an attribute of the session"),
        Many("sdp.media.media", SipBuffer.SdpMedia, "a medium's type, port, transport and formats"),
        Many("sdp.media.media_info", SipBuffer.SdpMediaInfo, "a medium's title"),
        Many("sdp.media.connection_data", SipBuffer.SdpMediaConnection, "a medium's connection"),
        Many("sdp.media.encryption_key", SipBuffer.SdpMediaKey, "a medium's key"),
    ];

    private static BufferDescriptor One(string name, SipBuffer id, DirectionMask directions, string help) => new()
    {
        Name = name,
        LocalId = (int)id,
        Directions = directions,
        Help = help,
    };

    private static BufferDescriptor Many(string name, SipBuffer id, string help) => new()
    {
        Name = name,
        LocalId = (int)id,
        Directions = DirectionMask.Both,
        IsMulti = true,
        Help = help,
    };
}

/// <summary>The values of the buffers.</summary>
internal sealed partial class SipTransaction
{
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        if (!ExistsIn(direction) || !IsMessage)
        {
            return false;
        }

        var which = (SipBuffer)buffer;
        Slice slice;
        if (which >= SipBuffer.SdpOrigin)
        {
            slice = SdpValue(which, index);
        }
        else if (which >= SipBuffer.From)
        {
            TryGetHeader((SipHeader)(which - SipBuffer.From + (int)SipHeader.From), index, out slice);
        }
        else
        {
            slice = index > 0 ? Slice.None : LineValue(which);
        }

        view = new BufferView(Bytes[slice]);
        return slice.Exists;
    }

    private Slice LineValue(SipBuffer which) => which switch
    {
        SipBuffer.Method => IsRequest ? First : Slice.None,
        SipBuffer.Uri => IsRequest ? Second : Slice.None,
        SipBuffer.RequestLine => IsRequest ? Line : Slice.None,
        SipBuffer.StatCode => IsRequest ? Slice.None : First,
        SipBuffer.StatMessage => IsRequest ? Slice.None : Second,
        SipBuffer.ResponseLine => IsRequest ? Slice.None : Line,
        _ => Version,
    };

    private Slice SdpValue(SipBuffer which, int index) => which switch
    {
        SipBuffer.SdpBandwidth => index < Session.Bandwidths.Count ? Session.Bandwidths[index] : Slice.None,
        SipBuffer.SdpTime => index < Session.Times.Count ? Session.Times[index].Time : Slice.None,
        SipBuffer.SdpRepeatTime => SdpRepeat(index),
        SipBuffer.SdpAttribute => index < Session.Attributes.Count ? Session.Attributes[index] : Slice.None,
        >= SipBuffer.SdpMedia => SdpMediumValue(which, index),
        _ => index > 0 ? Slice.None : which switch
        {
            SipBuffer.SdpOrigin => Session.Origin,
            SipBuffer.SdpSessionName => Session.Name,
            SipBuffer.SdpSessionInfo => Session.Info,
            SipBuffer.SdpUri => Session.Uri,
            SipBuffer.SdpEmail => Session.Email,
            SipBuffer.SdpPhone => Session.Phone,
            SipBuffer.SdpConnection => Session.Connection,
            SipBuffer.SdpTimeZone => Session.TimeZone,
            _ => Session.Key,
        },
    };

    /// <summary>The n-th repetition there is: not every time has one.</summary>
    private Slice SdpRepeat(int index)
    {
        for (int i = 0; i < Session.Times.Count; i++)
        {
            if (Session.Times[i].Repeat.Exists && index-- == 0)
            {
                return Session.Times[i].Repeat;
            }
        }

        return Slice.None;
    }

    private Slice SdpMediumValue(SipBuffer which, int index)
    {
        for (int i = 0; i < Session.Media.Count; i++)
        {
            SdpMedium medium = Session.Media[i];
            Slice value = which switch
            {
                SipBuffer.SdpMedia => medium.Media,
                SipBuffer.SdpMediaInfo => medium.Info,
                SipBuffer.SdpMediaConnection => medium.Connection,
                _ => medium.Key,
            };
            if (value.Exists && index-- == 0)
            {
                return value;
            }
        }

        return Slice.None;
    }
}
