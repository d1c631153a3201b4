using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Sip;

/// <summary>A time with its repetition.</summary>
internal readonly record struct SdpTime(Slice Time, Slice Repeat);

/// <summary>A medium with what is said of it; bandwidths and attributes are runs of the session's lists.</summary>
internal struct SdpMedium
{
    public Slice Media;
    public Slice Info;
    public Slice Connection;
    public Slice Key;
    public int FirstBandwidth;
    public int BandwidthCount;
    public int FirstAttribute;
    public int AttributeCount;
}

/// <summary>A list that grows to <see cref="SipLimits.MaxSdpElements"/> and keeps its array.</summary>
internal struct SdpList<T>
{
    private T[]? _items;

    public int Count { get; private set; }

    public readonly T this[int index] => _items![index];

    /// <summary>False when the list is full.</summary>
    public bool Add(T item)
    {
        if (Count == SipLimits.MaxSdpElements)
        {
            return false;
        }

        if (_items is null || Count == _items.Length)
        {
            Array.Resize(ref _items, Math.Max(4, Count * 2));
        }

        _items[Count++] = item;
        return true;
    }

    public readonly ref T Last() => ref _items![Count - 1];

    public void Clear() => Count = 0;
}

/// <summary>A session description (RFC 4566 §5). Values lie in the transaction's bytes.</summary>
internal sealed class SdpSession
{
    /// <summary>A description was read, at least to its first time.</summary>
    public bool Exists { get; set; }

    public Slice Origin = Slice.None;
    public Slice Name = Slice.None;
    public Slice Info = Slice.None;
    public Slice Uri = Slice.None;
    public Slice Email = Slice.None;
    public Slice Phone = Slice.None;
    public Slice Connection = Slice.None;
    public Slice TimeZone = Slice.None;
    public Slice Key = Slice.None;

    public SdpList<Slice> Bandwidths;
    public SdpList<SdpTime> Times;
    public SdpList<Slice> Attributes;
    public SdpList<SdpMedium> Media;

    /// <summary>Those of all media, one after the other.</summary>
    public SdpList<Slice> MediaBandwidths;
    public SdpList<Slice> MediaAttributes;

    public void Reset()
    {
        Exists = false;
        Origin = Name = Info = Uri = Email = Phone = Connection = TimeZone = Key = Slice.None;
        Bandwidths.Clear();
        Times.Clear();
        Attributes.Clear();
        Media.Clear();
        MediaBandwidths.Clear();
        MediaAttributes.Clear();
    }
}
