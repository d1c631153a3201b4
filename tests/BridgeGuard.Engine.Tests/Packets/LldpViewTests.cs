using System.Text;
using BridgeGuard.Engine.Packets;
using Xunit;

namespace BridgeGuard.Engine.Tests.Packets;

/// <summary>LLDP data units: what they say, and what becomes of broken ones.</summary>
public sealed class LldpViewTests
{
    private static readonly byte[] Chassis = Element(1, [4, 2, 0x77, 0, 0, 0, 1]);
    private static readonly byte[] Port = Element(2, [5, .. "eth0"u8]);
    private static readonly byte[] Lifetime = Element(3, [0, 120]);
    private static readonly byte[] End = [0, 0];

    private static byte[] Unit(params byte[][] more) => [.. Chassis, .. Port, .. Lifetime, .. more.SelectMany(m => m), .. End];

    private static byte[] Element(int type, ReadOnlySpan<byte> value) => [(byte)((type << 1) | (value.Length >> 8)), (byte)value.Length, .. value];

    private static byte[] Managed(params byte[] address) => Element(8, [(byte)address.Length, .. address, 2, 0, 0, 0, 1, 0]);

    [Fact]
    public void AStationIsReadWithItsNamesAndAddresses()
    {
        byte[] unit = Unit(
            Element(4, "an uplink"u8), Element(5, "web-1.example"u8), Element(6, "Linux"u8), Element(7, [0, 0x80, 0, 0x80]), Managed(1, 10, 0, 0, 7),
            Managed([2, 0x20, 1, 0xd, 0xb8, .. new byte[11], 7]), Element(127, [0, 0x12, 0xf, 1, 1]));

        Assert.True(LldpView.TryCreate([.. unit, .. new byte[30]], out LldpView view));

        Assert.Equal(new byte[] { 4, 2, 0x77, 0, 0, 0, 1 }, view.Chassis.ToArray());
        Assert.Equal("\u0005eth0"u8, view.Port);
        Assert.Equal(120, view.LifetimeSeconds);
        Assert.Equal("web-1.example"u8, view.SystemName);
        Assert.Equal("10.0.0.7", view.ManagementV4.ToString());
        Assert.Equal("2001:0db8:0000:0000:0000:0000:0000:0007", view.ManagementV6.ToString());
    }

    [Fact]
    public void WhatIsNotSaidIsEmptyAndTheFirstOfTwoCounts()
    {
        Assert.True(LldpView.TryCreate(Unit(), out LldpView bare));
        Assert.True(bare.SystemName.IsEmpty);
        Assert.Equal(default, bare.ManagementV4);
        Assert.True(LldpView.TryCreate(Unit(Element(5, "one"u8), Element(5, "two"u8), Managed(1, 10, 0, 0, 1), Managed(1, 10, 0, 0, 2)), out LldpView view));
        Assert.Equal("one", Encoding.ASCII.GetString(view.SystemName));
        Assert.Equal("10.0.0.1", view.ManagementV4.ToString());
    }

    [Fact]
    public void TheEndMayBeMissingAtTheEndOfTheFrame() =>
        Assert.True(LldpView.TryCreate(Unit(Element(5, "x"u8)).AsSpan()[..^2], out _)); // Old stations; §9.2.7.7.1 takes what there is.

    public static TheoryData<string, byte[]> Broken => new()
    {
        { "empty", [] },
        { "no port", [.. Chassis, .. Lifetime, .. End] },
        { "port first", [.. Port, .. Chassis, .. Lifetime, .. End] },
        { "no lifetime", [.. Chassis, .. Port, .. End] },
        { "short lifetime", [.. Chassis, .. Port, .. Element(3, [1]), .. End] },
        { "chassis without a name", [.. Element(1, [4]), .. Port, .. Lifetime, .. End] },
        { "longer chassis than there may be", [.. Element(1, new byte[257]), .. Port, .. Lifetime, .. End] },
        { "longer port than there may be", [.. Chassis, .. Element(2, new byte[257]), .. Lifetime, .. End] },
        { "an element beyond the end", [.. Chassis, .. Port, .. Lifetime, 10, 200, 1, 2, 3] },
        { "half a head", [.. Chassis, .. Port, .. Lifetime, 10] },
        { "too many elements", Unit([.. Enumerable.Repeat(Element(127, [0, 0, 0, 0]), LldpView.MaxElements - 3)]) },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void ABrokenUnitIsNone(string what, byte[] bytes) => Assert.False(LldpView.TryCreate(bytes, out _), what);

    [Fact]
    public void AtTheLimitItIsStillRead()
    {
        // Three that must be there, and the end.
        Assert.True(LldpView.TryCreate(Unit([.. Enumerable.Repeat(Element(127, [0, 0, 0, 0]), LldpView.MaxElements - 4)]), out _));
        Assert.True(LldpView.TryCreate([.. Element(1, new byte[256]), .. Element(2, new byte[256]), .. Lifetime, .. Element(5, new byte[255])], out LldpView view));
        Assert.Equal(255, view.SystemName.Length);
        Assert.True(LldpView.TryCreate(Unit(Element(5, new byte[256])), out view));
        Assert.True(view.SystemName.IsEmpty);
    }

    [Fact]
    public void OddAddressesAreNoAddresses()
    {
        byte[][] odd = [Element(8, []), Element(8, [5]), Element(8, [200, 1, 10, 0, 0, 1]), Managed(1, 10, 0, 0), Managed(3, 10, 0, 0, 1), Managed(2, 1, 2), Managed()];
        foreach (byte[] element in odd)
        {
            Assert.True(LldpView.TryCreate(Unit(element), out LldpView view));
            Assert.Equal((default, default), (view.ManagementV4, view.ManagementV6));
        }
    }

    [Fact]
    public void EveryCutAndEveryChangedByteIsReadWithoutAFault()
    {
        byte[] unit = Unit(Element(5, "web-1"u8), Managed(1, 10, 0, 0, 7), Managed([2, .. new byte[16]]));
        for (int length = 0; length <= unit.Length; length++)
        {
            LldpView.TryCreate(unit.AsSpan(0, length).ToArray(), out _);
        }

        for (int i = 0; i < unit.Length; i++)
        {
            for (int value = 0; value < 256; value++)
            {
                byte[] changed = [.. unit];
                changed[i] = (byte)value;
                LldpView.TryCreate(changed, out _);
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AUnitIsFoundInItsFrame(bool isTagged)
    {
        byte[] head = [1, 0x80, 0xc2, 0, 0, 0xe, 2, 0, 0, 0, 0, 1, .. isTagged ? [0x81, 0, 0xe0, 0] : Array.Empty<byte>()];
        byte[] frame = [.. head, 0x88, 0xcc, .. Unit(Element(5, "x"u8))];
        Assert.True(LldpView.TryFind(frame, out LldpView view));
        Assert.Equal("x"u8, view.SystemName);
        for (int length = 0; length < head.Length + 2; length++)
        {
            Assert.False(LldpView.TryFind(frame.AsSpan(0, length), out _));
        }

        frame[^(Unit(Element(5, "x"u8)).Length + 1)] = 0xcd;
        Assert.False(LldpView.TryFind(frame, out _));
    }

    [Fact]
    public void TheDigestTellsStationsApartButNotTheTime()
    {
        Assert.True(LldpView.TryCreate(Unit(Element(5, "a"u8)), out LldpView a));
        Assert.True(LldpView.TryCreate([.. Chassis, .. Port, .. Element(3, [0, 30]), .. Element(5, "a"u8)], out LldpView later));
        Assert.True(LldpView.TryCreate(Unit(Element(5, "b"u8)), out LldpView b));
        Assert.True(LldpView.TryCreate(Unit(Element(5, "a"u8), Managed(1, 10, 0, 0, 1)), out LldpView managed));
        Assert.Equal(a.Digest(), later.Digest());
        Assert.NotEqual(a.Digest(), b.Digest());
        Assert.NotEqual(a.Digest(), managed.Digest());
    }
}
