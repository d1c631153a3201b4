using Xunit;

namespace BridgeGuard.Host.Tests.Evasion;

/// <summary>
/// However a stream is cut, a host must not read what was not seen, and an attack must not pass. The oracle is a real kernel: what its socket gives
/// its program from the frames that the engine let through, as it rewrote them, must be a beginning of what the engine has put together.
/// </summary>
public sealed class TcpEvasionTests : IDisposable
{
    private static readonly string Harmless = new('h', TcpAttack.Text.Length);

    private readonly TcpKernelHost _host = new();

    public void Dispose() => _host.Dispose();

    [Fact]
    public void CutAtEveryPlaceInEitherOrder()
    {
        TcpAttack attack = new(_host);
        for (int cut = 1; cut < TcpAttack.Text.Length; cut++)
        {
            attack.Check($"cut at {cut}", Pieces(cut), TcpAttack.Text);
            attack.Check($"cut at {cut}, back to front", Reversed(Pieces(cut)), TcpAttack.Text);
        }
    }

    [Fact]
    public void CutInThreeInEveryOrder()
    {
        TcpAttack attack = new(_host);
        int[][] orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        for (int first = 3; first < TcpAttack.Text.Length - 8; first += 5)
        {
            List<TcpSegment> pieces = Pieces(first, first + 6);
            foreach (int[] order in orders)
            {
                attack.Check($"cut at {first} and {first + 6}, order {string.Join(' ', order)}", [.. order.Select(i => pieces[i])], TcpAttack.Text);
            }
        }
    }

    [Fact]
    public void SegmentsOfOneToFourBytesInAnyOrder()
    {
        TcpAttack attack = new(_host);
        Random random = new(9293);
        for (int size = 1; size <= 4; size++)
        {
            int[] cuts = [.. Enumerable.Range(1, (TcpAttack.Text.Length - 1) / size).Select(i => i * size)];
            attack.Check($"{size} bytes each", Pieces(cuts), TcpAttack.Text);
            attack.Check($"{size} bytes each, back to front", Reversed(Pieces(cuts)), TcpAttack.Text);
            for (int i = 0; i < 10; i++)
            {
                TcpSegment[] pieces = [.. Pieces(cuts)];
                random.Shuffle(pieces);
                attack.Check($"{size} bytes each, shuffled, {i}", pieces, TcpAttack.Text);
            }
        }
    }

    [Fact]
    public void SequenceNumbersThatWrapAnywhereInTheAttack()
    {
        for (uint before = 0; before < TcpAttack.Text.Length + 2; before += 3)
        {
            TcpAttack attack = new(_host) { Isn = 0u - before };
            attack.Check($"wrap after {before}", Pieces(10, 20, 30), TcpAttack.Text);
            attack.Check($"wrap after {before}, back to front", Reversed(Pieces(10, 20, 30)), TcpAttack.Text);
        }
    }

    /// <summary>Harmless bytes over a part of the attack, before it, amid its pieces and behind it: as a retransmission, an overlap or a segment that arrives first.</summary>
    [Fact]
    public void OverlapsOfEveryKind()
    {
        TcpAttack attack = new(_host);
        for (int start = 0; start < TcpAttack.Text.Length - 4; start += 6)
        {
            for (int end = start + 3; end <= TcpAttack.Text.Length; end += 7)
            {
                TcpSegment decoy = new() { Offset = start, Data = TcpAttack.Bytes(Harmless[start..end]) };
                List<TcpSegment> pieces = Pieces(12, 24, 36);
                for (int place = 0; place <= pieces.Count; place++)
                {
                    List<TcpSegment> all = [.. pieces];
                    all.Insert(place, decoy);
                    attack.Check($"{start} to {end} at {place}", all);
                    if (place == 0)
                    {
                        attack.Check($"{start} to {end} at {place}, back to front", Reversed(all));
                    }
                }
            }
        }
    }

    /// <summary>
    /// The harmless copy passed inspection and was lost behind it, so that the host would take whatever the second copy holds: it must hold the first one's bytes, however
    /// it is cut.
    /// </summary>
    [Fact]
    public void AConflictingCopyOfWhatTheHostNeverGotIsRewritten()
    {
        TcpAttack attack = new(_host);
        for (int start = 0; start < TcpAttack.Text.Length - 4; start += 5)
        {
            foreach (int length in (int[])[1, 9, TcpAttack.Text.Length - start])
            {
                int end = Math.Min(start + length, TcpAttack.Text.Length);
                List<TcpSegment> first = [.. Parts(Harmless, 0, start), .. Parts(Harmless, start, end).Select(part => part with { IsLost = true }), .. Parts(Harmless, end, Harmless.Length)];
                attack.Check($"{start} to {end}", [.. first, .. Parts(TcpAttack.Text, start, end)], Harmless);
                attack.Check($"{start} to {end}, all again", [.. first, .. Parts(TcpAttack.Text, 0, TcpAttack.Text.Length)], Harmless);
                int middle = (start + end) / 2;
                attack.Check($"{start} to {end}, in two, back to front", [.. first, .. Parts(TcpAttack.Text, middle, end), .. Parts(TcpAttack.Text, start, middle)], Harmless);
            }
        }
    }

    private static TcpSegment[] Parts(string text, int start, int end) =>
        start == end ? [] : [new TcpSegment { Offset = start, Data = TcpAttack.Bytes(text[start..end]) }];

    [Fact]
    public void RandomSegmentsWithConflictingCopies()
    {
        Random random = new(5961);
        int whole = 0;
        for (int round = 0; round < 400; round++)
        {
            TcpAttack attack = new(_host) { Isn = (uint)random.NextInt64(1L << 32) };
            List<TcpSegment> segments = [];
            int count = random.Next(4, 14);
            for (int i = 0; i < count; i++)
            {
                int start = random.Next(0, TcpAttack.Text.Length - 1);
                int end = random.Next(start + 1, Math.Min(TcpAttack.Text.Length, start + 20) + 1);
                string source = random.Next(3) == 0 ? Harmless : TcpAttack.Text;
                segments.Add(new TcpSegment { Offset = start, Data = TcpAttack.Bytes(source[start..end]) });
            }

            segments.InsertRange(random.Next(segments.Count), Pieces(15, 30));
            whole += attack.Check($"round {round}", segments).Length == TcpAttack.Text.Length ? 1 : 0;
        }

        Assert.True(whole > 300, $"only {whole} connections arrived whole: the test shows little");
    }

    /// <summary>A segment that the host does not take must not make the engine believe that it did, nor the other way round.</summary>
    [Fact]
    public void DecoysThatTheHostIgnores()
    {
        byte[] md5 = [19, 18, .. new byte[16], 1, 1];
        (string Name, Func<TcpSegment, TcpSegment> Twist)[] tricks =
        [
            ("bad checksum", s => s with { BadChecksum = true }),
            ("bad IP checksum", s => s with { BadIpChecksum = true }),
            ("another station", s => s with { OtherMac = true }),
            ("time to live 1", s => s with { Ttl = 1 }),
            ("no flags", s => s with { Flags = "" }),
            ("no acknowledgement", s => s with { Flags = "P" }),
            ("acknowledges what was not sent", s => s with { AckShift = 1_000_000 }),
            ("acknowledges the distant past", s => s with { AckShift = -1_000_000_000 }),
            ("SYN in the middle", s => s with { Flags = "SA" }),
            ("SYN and FIN", s => s with { Flags = "SFA" }),
            ("MD5 option", s => s with { Options = md5 }),
            ("option of length 0", s => s with { Options = [254, 0, 0, 0] }),
            ("option beyond the header", s => s with { Options = [8, 40, 0, 0] }),
            ("option of length 1", s => s with { Options = [1, 1, 3, 1] }),
            ("forty bytes of options", s => s with { Options = [.. Enumerable.Repeat((byte)1, 40)] }),
            ("window 0", s => s with { Window = 0 }),
            ("behind the window", s => s with { Offset = s.Offset + 0x4000_0000 }),
            ("before the window", s => s with { Offset = s.Offset - 0x2000_0000 }),
            ("half the space away", s => s with { Offset = unchecked(s.Offset + int.MinValue) }),
            ("timestamp that nobody agreed on", s => s with { Options = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0] }),
        ];
        TcpAttack attack = new(_host);
        foreach ((string name, Func<TcpSegment, TcpSegment> twist) in tricks)
        {
            foreach (int start in (int[])[0, 13, 20])
            {
                TcpSegment decoy = twist(new TcpSegment { Offset = start, Data = TcpAttack.Bytes(Harmless[start..30]) });
                attack.Check($"{name}, from {start}, first", [decoy, .. Pieces(13, 30)]);
                List<TcpSegment> amid = Pieces(13, 30);
                amid.Insert(1, decoy);
                attack.Check($"{name}, from {start}, second", amid);

                // The attack itself in a segment of this kind.
                attack.Check($"{name}, attack within", [.. Pieces(13, 30).Select((piece, i) => i == 1 ? twist(piece) : piece)]);
            }
        }
    }

    [Fact]
    public void ResetsAndEndsThatAreNotTaken()
    {
        TcpAttack attack = new(_host);
        (string Name, TcpSegment Segment)[] tricks =
        [
            ("RST far outside", new TcpSegment { Flags = "R", Offset = 0x4000_0000 }),
            ("RST within the window", new TcpSegment { Flags = "R", Offset = 500 }),
            ("RST one beyond", new TcpSegment { Flags = "R", Offset = 14 }),
            ("RST one before", new TcpSegment { Flags = "R", Offset = 12 }),
            ("RST with a bad checksum", new TcpSegment { Flags = "R", Offset = 13, BadChecksum = true }),
            ("RST with a bad IP checksum", new TcpSegment { Flags = "R", Offset = 13, BadIpChecksum = true }),
            ("RST for another station", new TcpSegment { Flags = "R", Offset = 13, OtherMac = true }),
            ("RST with a wrong acknowledgement", new TcpSegment { Flags = "RA", Offset = 13, AckShift = 1_000_000 }),
            ("RST with data", new TcpSegment { Flags = "RA", Offset = 500, Data = TcpAttack.Bytes("hhhh") }),
            ("right RST", new TcpSegment { Flags = "R", Offset = 13 }),
            ("FIN far outside", new TcpSegment { Flags = "FA", Offset = 0x4000_0000 }),
            ("FIN with a bad checksum", new TcpSegment { Flags = "FA", Offset = 13, BadChecksum = true }),
            ("FIN with a bad IP checksum", new TcpSegment { Flags = "FA", Offset = 13, BadIpChecksum = true }),
            ("FIN for another station", new TcpSegment { Flags = "FA", Offset = 13, OtherMac = true }),
            ("FIN without ACK", new TcpSegment { Flags = "F", Offset = 13 }),
            ("FIN in the future", new TcpSegment { Flags = "FA", Offset = 60 }),
            ("FIN amid the attack to come", new TcpSegment { Flags = "FA", Offset = 20 }),
            ("FIN in the past", new TcpSegment { Flags = "FA", Offset = 5 }),
            ("right FIN", new TcpSegment { Flags = "FA", Offset = 13 }),
            ("SYN again", new TcpSegment { Flags = "S" }),
            ("SYN with another number", new TcpSegment { Flags = "S", Offset = 5000 }),
            ("SYN/ACK from the client", new TcpSegment { Flags = "SA", Offset = 13 }),
        ];
        foreach ((string name, TcpSegment trick) in tricks)
        {
            List<TcpSegment> pieces = Pieces(13, 30);
            attack.Check(name + ", first", [trick, .. pieces]);
            attack.Check(name + ", second", [pieces[0], trick, pieces[1], pieces[2]]);
            attack.Check(name + ", third, reordered", [pieces[1], trick, pieces[0], pieces[2]]);
            attack.Check(name + ", twice", [pieces[0], trick, trick, pieces[1], pieces[2], pieces[1], pieces[2]]);
        }
    }

    [Fact]
    public void UrgentBytesAreReadAsTheHostReadsThem()
    {
        TcpAttack attack = new(_host);
        for (int pointer = 0; pointer <= 20; pointer++)
        {
            List<TcpSegment> pieces = Pieces(13, 30);
            attack.Check($"urgent pointer {pointer}", [pieces[0], pieces[1] with { Flags = "PAU", Urgent = (ushort)pointer }, pieces[2]]);
            attack.Check($"urgent pointer {pointer}, back to front", [pieces[2], pieces[1] with { Flags = "PAU", Urgent = (ushort)pointer }, pieces[0]]);

            // A byte that the program does not read, put amid the attack.
            TcpSegment extra = new() { Flags = "PAU", Offset = 0, Urgent = (ushort)pointer, Data = TcpAttack.Bytes(TcpAttack.Text.Insert(Math.Max(pointer - 1, 0), "X")) };
            attack.Check($"a byte added before {pointer}", [extra]);
        }

        attack.Check("urgent twice", [new TcpSegment { Flags = "PAU", Urgent = 5, Data = TcpAttack.Bytes(TcpAttack.Text[..10]) },
            new TcpSegment { Flags = "PAU", Urgent = 5, Offset = 10, Data = TcpAttack.Bytes(TcpAttack.Text[10..]) }]);
        attack.Check("urgent beyond the segment", [new TcpSegment { Flags = "PAU", Urgent = 20, Data = TcpAttack.Bytes(TcpAttack.Text[..10]) },
            new TcpSegment { Offset = 10, Data = TcpAttack.Bytes(TcpAttack.Text[10..]) }]);
    }

    [Fact]
    public void DataBeforeTheHandshakeIsOver()
    {
        byte[] text = TcpAttack.Bytes(TcpAttack.Text);
        TcpSegment all = new() { Data = text };
        new TcpAttack(_host) { SynData = text }.Check("data with the SYN only", []);
        new TcpAttack(_host) { SynData = TcpAttack.Bytes(Harmless) }.Check("harmless data with the SYN, then the attack", [all]);
        new TcpAttack(_host) { SynData = text[..20], SynOptions = [34, 2, 1, 1] }.Check("Fast Open request with data", [all]);
        new TcpAttack(_host) { SynData = TcpAttack.Bytes(Harmless), SynOptions = [34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1] }.Check("Fast Open with a false cookie", [all]);
        new TcpAttack(_host) { SkipAck = true }.Check("the first data is the third packet", [all], TcpAttack.Text);
        new TcpAttack(_host) { SkipAck = true }.Check("the third packet is in the middle", [.. Reversed(Pieces(13, 30))]);
        new TcpAttack(_host) { Early = [new TcpSegment { Flags = "P", Data = TcpAttack.Bytes(Harmless) }] }.Check("data right behind the SYN", [all]);
        new TcpAttack(_host) { Early = [new TcpSegment { Flags = "PA", Data = TcpAttack.Bytes(Harmless) }] }.Check("acknowledged data right behind the SYN", [all]);
        new TcpAttack(_host) { Early = [new TcpSegment { Flags = "S", Offset = 100_000 }] }.Check("two SYNs", [all]);
        new TcpAttack(_host) { Early = [new TcpSegment { Flags = "S", BadChecksum = true, Offset = 77 }] }.Check("a second SYN with a bad checksum", [all], TcpAttack.Text);
        new TcpAttack(_host) { Early = [new TcpSegment { Flags = "R", Offset = 5 }] }.Check("RST during the handshake", [all]);
    }

    [Fact]
    public void TimestampsThatTheHostRejects()
    {
        TcpAttack attack = new(_host) { SynOptions = Timestamp(1000), UsualOptions = Timestamp(2000) };
        foreach (uint value in (uint[])[0, 1, 999, 1999, 2000, 2001, 0x7fff_ffff, 0x8000_0000, 0x8000_07d0, 0xffff_ffff])
        {
            foreach (int start in (int[])[0, 13])
            {
                TcpSegment decoy = new() { Offset = start, Data = TcpAttack.Bytes(Harmless[start..30]), Options = Timestamp(value) };
                attack.Check($"stamp {value} from {start}, first", [decoy, .. Pieces(13, 30)]);
                List<TcpSegment> amid = Pieces(13, 30);
                amid.Insert(1, decoy);
                attack.Check($"stamp {value} from {start}, second", amid);
                attack.Check($"stamp {value}, attack within", [.. Pieces(13, 30).Select((piece, i) => i == 1 ? piece with { Options = Timestamp(value) } : piece)]);
            }

            attack.Check($"stamp {value}, RST", [new TcpSegment { Flags = "R", Options = Timestamp(value) }, .. Pieces(13, 30)]);
            attack.Check($"stamp {value}, FIN", [new TcpSegment { Flags = "FA", Options = Timestamp(value) }, .. Pieces(13, 30)]);
        }

        // No timestamp where one was agreed on; two of them.
        attack.Check("no stamp", [new TcpSegment { Data = TcpAttack.Bytes(Harmless[..30]), Options = [1, 1, 1, 1] }, .. Pieces(13, 30)]);
        attack.Check("two stamps", [new TcpSegment { Data = TcpAttack.Bytes(Harmless[..30]), Options = [.. Timestamp(1), .. Timestamp(3000)] }, .. Pieces(13, 30)]);
    }

    private static byte[] Timestamp(uint value) => [1, 1, 8, 10, (byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value, 0, 0, 0, 0];

    private static List<TcpSegment> Pieces(params int[] cuts)
    {
        List<TcpSegment> pieces = [];
        int start = 0;
        foreach (int cut in (int[])[.. cuts, TcpAttack.Text.Length])
        {
            pieces.Add(new TcpSegment { Offset = start, Data = TcpAttack.Bytes(TcpAttack.Text[start..cut]) });
            start = cut;
        }

        return pieces;
    }

    private static List<TcpSegment> Reversed(List<TcpSegment> pieces)
    {
        List<TcpSegment> reversed = [.. pieces];
        reversed.Reverse();
        return reversed;
    }
}
