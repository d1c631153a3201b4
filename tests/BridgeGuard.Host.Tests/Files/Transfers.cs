using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Host.Tests.Files;

/// <summary>One try to get (or bring) a part of a file over one protocol; what arrives is noted in the coverage.</summary>
internal static class Transfers
{
    public static void HttpGet(GuardedWire wire, string guest, string server, string path, byte[] file, int from, int to, Coverage coverage, bool isChunked = false)
    {
        bool isWhole = from == 0 && to == file.Length;
        Conversation talk = wire.Connect(guest, server, 80);
        string range = isWhole ? "" : $"Range: bytes={from}-{to - 1}\r\n";
        talk.ToServer(Ascii($"GET {path} HTTP/1.1\r\nHost: {server}\r\n{range}\r\n"));
        string framing = isChunked ? "Transfer-Encoding: chunked" : $"Content-Length: {to - from}";
        string head = isWhole ? $"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"
            : $"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{to - 1}/{file.Length}\r\n{framing}\r\n\r\n";
        if (isChunked)
        {
            head += $"{to - from:x}\r\n";
        }

        byte[] answer = [.. Ascii(head), .. file[from..to]];
        if (isChunked)
        {
            talk.ToClient(answer);
            talk.Burst(Direction.ToClient, "\r\n0\r\n\r\n"u8);
        }
        else
        {
            talk.Burst(Direction.ToClient, answer);
        }

        Note(talk.AtClient, head.Length, from, coverage);
        talk.Reset(Direction.ToServer);
    }

    /// <summary>The client goes away after a part.</summary>
    public static void HttpGetBrokenOff(GuardedWire wire, string guest, string server, string path, byte[] file, int sent, Coverage coverage)
    {
        Conversation talk = wire.Connect(guest, server, 80);
        talk.ToServer(Ascii($"GET {path} HTTP/1.1\r\nHost: {server}\r\n\r\n"));
        string head = $"HTTP/1.1 200 OK\r\nContent-Length: {file.Length}\r\n\r\n";
        talk.Burst(Direction.ToClient, [.. Ascii(head), .. file[..sent]]);
        Note(talk.AtClient, head.Length, 0, coverage);
        talk.Reset(Direction.ToServer);
    }

    /// <summary>The whole, of which the first bytes come, then something else happens, then it goes on up to a byte.</summary>
    public static void HttpGetInterrupted(GuardedWire wire, string guest, string server, string path, byte[] file, int first, Action between, int to, Coverage coverage)
    {
        Conversation talk = wire.Connect(guest, server, 80);
        talk.ToServer(Ascii($"GET {path} HTTP/1.1\r\nHost: {server}\r\n\r\n"));
        string head = $"HTTP/1.1 200 OK\r\nContent-Length: {file.Length}\r\n\r\n";
        talk.Burst(Direction.ToClient, [.. Ascii(head), .. file[..first]]);
        between();
        talk.Burst(Direction.ToClient, file[first..to]);
        Note(talk.AtClient, head.Length, 0, coverage);
        talk.Reset(Direction.ToServer);
    }

    /// <summary>A response whose end is the connection's.</summary>
    public static void HttpGetToClose(GuardedWire wire, string guest, string server, string path, byte[] file, Coverage coverage)
    {
        Conversation talk = wire.Connect(guest, server, 80);
        talk.ToServer(Ascii($"GET {path} HTTP/1.0\r\nHost: {server}\r\n\r\n"));
        string head = "HTTP/1.0 200 OK\r\n\r\n";
        talk.Burst(Direction.ToClient, [.. Ascii(head), .. file], withFin: true);
        Note(talk.AtClient, head.Length, 0, coverage);
    }

    /// <summary>Several ranges in one answer (RFC 9110 §14.6).</summary>
    public static void HttpGetRanges(GuardedWire wire, string guest, string server, string path, byte[] file, (int From, int To)[] ranges, Coverage coverage)
    {
        Conversation talk = wire.Connect(guest, server, 80);
        talk.ToServer(Ascii($"GET {path} HTTP/1.1\r\nHost: {server}\r\nRange: bytes={string.Join(',', ranges.Select(r => $"{r.From}-{r.To - 1}"))}\r\n\r\n"));
        var body = new List<byte>();
        var places = new List<(int At, int From, int Length)>();
        foreach ((int from, int to) in ranges)
        {
            body.AddRange(Ascii($"\r\n--SEP\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {from}-{to - 1}/{file.Length}\r\n\r\n"));
            places.Add((body.Count, from, to - from));
            body.AddRange(file[from..to]);
        }

        body.AddRange(Ascii("\r\n--SEP--\r\n"));
        string head = $"HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=SEP\r\nContent-Length: {body.Count}\r\n\r\n";
        talk.Burst(Direction.ToClient, [.. Ascii(head), .. body]);
        foreach ((int at, int from, int length) in places)
        {
            byte[] got = talk.AtClient;
            int begin = head.Length + at;
            if (got.Length > begin)
            {
                coverage.Add(from, got.AsSpan(begin, Math.Min(length, got.Length - begin)));
            }
        }
    }

    public static void HttpPut(GuardedWire wire, string guest, string server, string path, byte[] file, Coverage coverage)
    {
        Conversation talk = wire.Connect(guest, server, 80);
        string head = $"PUT {path} HTTP/1.1\r\nHost: {server}\r\nContent-Length: {file.Length}\r\n\r\n";
        talk.Burst(Direction.ToServer, [.. Ascii(head), .. file]);
        Note(talk.AtServer, head.Length, 0, coverage);
    }

    public static void Http2Get(GuardedWire wire, string guest, string server, string path, byte[] file, int from, int to, bool withLength, Coverage coverage)
    {
        Conversation talk = wire.Connect(guest, server, 80);
        var request = new List<byte>();
        request.AddRange("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8);
        request.AddRange(Http2Frame(4, 0, 0, []));
        var headers = new List<byte>();
        Hpack(headers, ":method", "GET");
        Hpack(headers, ":scheme", "http");
        Hpack(headers, ":authority", server);
        Hpack(headers, ":path", path);
        request.AddRange(Http2Frame(1, 5, 1, [.. headers]));
        talk.ToServer([.. request]);
        bool isWhole = from == 0 && to == file.Length;
        headers.Clear();
        Hpack(headers, ":status", isWhole ? "200" : "206");
        if (withLength)
        {
            Hpack(headers, "content-length", (to - from).ToString());
        }

        if (!isWhole)
        {
            Hpack(headers, "content-range", $"bytes {from}-{to - 1}/{file.Length}");
        }

        var answer = new List<byte>();
        answer.AddRange(Http2Frame(4, 0, 0, []));
        answer.AddRange(Http2Frame(1, 4, 1, [.. headers]));
        var places = new List<(int At, int From, int Length)>();
        for (int at = from; at < to; at += 8000)
        {
            int length = Math.Min(8000, to - at);
            bool isLast = withLength && at + length == to;
            places.Add((answer.Count + 9, at, length));
            answer.AddRange(Http2Frame(0, isLast ? (byte)1 : (byte)0, 1, file[at..(at + length)]));
        }

        talk.ToClient([.. answer]);
        talk.Burst(Direction.ToClient, withLength ? [] : Http2Frame(0, 1, 1, []));

        byte[] got = talk.AtClient;
        foreach ((int at, int begin, int length) in places)
        {
            if (got.Length > at)
            {
                coverage.Add(begin, got.AsSpan(at, Math.Min(length, got.Length - at)));
            }
        }
    }

    /// <summary>A mail with the file attached; the server has it when it has the mail's end.</summary>
    public static bool SmtpMail(GuardedWire wire, string guest, string server, string name, byte[] file)
    {
        Conversation talk = wire.Connect(guest, server, 25);
        talk.ToClient("220 mx ESMTP\r\n"u8);
        talk.ToServer("EHLO a\r\n"u8);
        talk.ToClient("250 mx\r\n"u8);
        talk.ToServer("MAIL FROM:<a@b>\r\n"u8);
        talk.ToClient("250 ok\r\n"u8);
        talk.ToServer("RCPT TO:<c@d>\r\n"u8);
        talk.ToClient("250 ok\r\n"u8);
        talk.ToServer("DATA\r\n"u8);
        talk.ToClient("354 go\r\n"u8);
        string text = "From: a@b\r\nTo: c@d\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"B\"\r\n\r\n"
            + $"--B\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n"
            + $"Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n"
            + Convert.ToBase64String(file, Base64FormattingOptions.InsertLineBreaks) + "\r\n--B--\r\n.\r\n";
        talk.Burst(Direction.ToServer, Ascii(text));
        return talk.AtServer.AsSpan().EndsWith("\r\n.\r\n"u8);
    }

    public static void FtpGet(GuardedWire wire, string guest, string server, string path, byte[] file, int from, bool withSize, Coverage coverage)
    {
        Conversation data = FtpOpen(wire, guest, server, path, from, withSize ? file.Length : -1);
        data.Burst(Direction.ToClient, file.AsSpan(from), withFin: true);
        Note(data.AtClient, 0, from, coverage);
    }

    /// <summary>From somewhere on, and the client goes away where it has what it wanted.</summary>
    public static void FtpGetPart(GuardedWire wire, string guest, string server, string path, byte[] file, int from, int to, Coverage coverage)
    {
        Conversation data = FtpOpen(wire, guest, server, path, from, file.Length);
        data.Burst(Direction.ToClient, file.AsSpan(from, to - from), withFin: to == file.Length);
        Note(data.AtClient, 0, from, coverage);
        data.Reset(Direction.ToServer);
    }

    /// <summary>The connection over which a download comes, before its first byte.</summary>
    public static Conversation FtpOpen(GuardedWire wire, string guest, string server, string path, int from, int size)
    {
        Conversation control = FtpArrange(wire, guest, server, out ushort port);
        if (size >= 0)
        {
            control.ToServer(Ascii($"SIZE {path}\r\n"));
            control.ToClient(Ascii($"213 {size}\r\n"));
        }

        if (from > 0)
        {
            control.ToServer(Ascii($"REST {from}\r\n"));
            control.ToClient("350 ok\r\n"u8);
        }

        control.ToServer(Ascii($"RETR {path}\r\n"));
        control.ToClient("150 opening\r\n"u8);
        return wire.Connect(guest, server, port);
    }

    public static void FtpPut(GuardedWire wire, string guest, string server, string path, byte[] file, Coverage coverage)
    {
        Conversation control = FtpArrange(wire, guest, server, out ushort port);
        control.ToServer(Ascii($"STOR {path}\r\n"));
        control.ToClient("150 go\r\n"u8);
        Conversation data = wire.Connect(guest, server, port);
        data.Burst(Direction.ToServer, file, withFin: true);
        Note(data.AtServer, 0, 0, coverage);
    }

    /// <summary>As <see cref="FtpPut"/>, but from a place on (REST), or at the end of what is there (APPE).</summary>
    public static void FtpPutRest(GuardedWire wire, string guest, string server, string path, byte[] file, int from, bool isAppended, Coverage coverage)
    {
        Conversation control = FtpArrange(wire, guest, server, out ushort port);
        if (!isAppended && from > 0)
        {
            control.ToServer(Ascii($"REST {from}\r\n"));
            control.ToClient("350 ok\r\n"u8);
        }

        control.ToServer(Ascii($"{(isAppended ? "APPE" : "STOR")} {path}\r\n"));
        control.ToClient("150 go\r\n"u8);
        Conversation data = wire.Connect(guest, server, port);
        data.Burst(Direction.ToServer, file.AsSpan(from), withFin: true);
        Note(data.AtServer, 0, from, coverage);
    }

    /// <summary>HTTP/1: brings one range of a file.</summary>
    public static void HttpPutRange(GuardedWire wire, string guest, string server, string path, byte[] file, int from, int to, Coverage coverage)
    {
        Conversation talk = wire.Connect(guest, server, 80);
        string head = $"PUT {path} HTTP/1.1\r\nHost: {server}\r\nContent-Range: bytes {from}-{to - 1}/{file.Length}\r\nContent-Length: {to - from}\r\n\r\n";
        talk.Burst(Direction.ToServer, [.. Ascii(head), .. file.AsSpan(from, to - from)]);
        Note(talk.AtServer, head.Length, from, coverage);
    }

    /// <summary>SMB 2: opens a file and reads a part of it, block by block.</summary>
    public static void SmbRead(GuardedWire wire, string guest, string server, string name, byte[] file, int from, int to, Coverage coverage)
    {
        Conversation talk = wire.Connect(guest, server, 445);
        SmbWords.Open(talk, name, file.Length);
        ulong message = 10;
        for (int at = from; at < to && !talk.IsDead; at += 4096, message++)
        {
            int length = Math.Min(4096, to - at);
            talk.ToServer(SmbWords.ReadRequest(message, at, length));
            byte[] answer = SmbWords.ReadAnswer(message, file.AsSpan(at, length), out int dataAt);
            int before = talk.AtClient.Length;
            talk.Burst(Direction.ToClient, answer);
            Note(talk.AtClient[before..], dataAt, at, coverage);
        }

        talk.ToServer(SmbWords.Close(message));
        talk.ToClient(SmbWords.Closed(message));
    }

    /// <summary>SMB 2: writes a file, all blocks at once or each after the answer to the one before, and closes it.</summary>
    public static void SmbWrite(GuardedWire wire, string guest, string server, string name, byte[] file, bool isPipelined, Coverage coverage, bool withClose = true)
    {
        Conversation talk = wire.Connect(guest, server, 445);
        SmbWords.Open(talk, name, 0);
        Write(
            talk, file, isPipelined, coverage,
            (int number, int at, ReadOnlySpan<byte> data, out int dataAt) => SmbWords.WriteRequest((ulong)(10 + number), at, data, out dataAt),
            (number, count) => SmbWords.Written((ulong)(10 + number), count));
        if (withClose)
        {
            talk.Burst(Direction.ToServer, SmbWords.Close(1000));
            talk.ToClient(SmbWords.Closed(1000));
        }
    }

    /// <summary>NFS 3: looks a file up, writes it and commits; or has each write put on the disk at once, and commits nothing.</summary>
    public static void NfsWrite(GuardedWire wire, string guest, string server, string name, byte[] file, bool isPipelined, Coverage coverage, bool isStable = false)
    {
        Conversation talk = wire.Connect(guest, server, 2049);
        talk.ToServer(NfsWords.Lookup(77, name));
        talk.ToClient(NfsWords.Found(77, name, 0));
        Write(
            talk, file, isPipelined, coverage,
            (int number, int at, ReadOnlySpan<byte> data, out int dataAt) => NfsWords.Write((uint)(100 + number), name, at, data, out dataAt, isStable),
            (number, count) => NfsWords.Written((uint)(100 + number), count));
        if (!isStable)
        {
            talk.Burst(Direction.ToServer, NfsWords.Commit(5000, name));
        }
    }

    /// <summary>NFS 4.1: writes a file whose handle is known, and closes it.</summary>
    public static void Nfs4Write(GuardedWire wire, string guest, string server, string name, byte[] file, bool isPipelined, Coverage coverage, bool isStable = false)
    {
        Conversation talk = wire.Connect(guest, server, 2049);
        Write(
            talk, file, isPipelined, coverage,
            (int number, int at, ReadOnlySpan<byte> data, out int dataAt) => NfsWords.Write4((uint)(100 + number), name, at, data, out dataAt, isStable),
            (number, count) => NfsWords.Written4((uint)(100 + number), count));
        talk.Burst(Direction.ToServer, NfsWords.Close4(5000, name));
    }

    private delegate byte[] WriteMaker(int number, int at, ReadOnlySpan<byte> data, out int dataAt);

    private static void Write(Conversation talk, byte[] file, bool isPipelined, Coverage coverage, WriteMaker make, Func<int, int, byte[]> answer)
    {
        var pipelined = new List<byte>();
        var places = new List<(int At, int From, int Length)>();
        int begin = talk.AtServer.Length;
        int number = 0;
        for (int at = 0; at < file.Length && !talk.IsDead; at += 4096, number++)
        {
            int length = Math.Min(4096, file.Length - at);
            byte[] request = make(number, at, file.AsSpan(at, length), out int dataAt);
            places.Add((begin + pipelined.Count + dataAt, at, length));
            pipelined.AddRange(request);
            if (!isPipelined)
            {
                talk.Burst(Direction.ToServer, request);
                talk.ToClient(answer(number, length));
            }
        }

        if (isPipelined)
        {
            talk.Burst(Direction.ToServer, [.. pipelined]);
        }

        byte[] got = talk.AtServer;
        foreach ((int at, int from, int length) in places)
        {
            if (got.Length > at)
            {
                coverage.Add(from, got.AsSpan(at, Math.Min(length, got.Length - at)));
            }
        }
    }

    /// <summary>NFS 3: looks a file up and reads a part of it.</summary>
    public static void NfsRead(GuardedWire wire, string guest, string server, string name, byte[] file, int from, int to, Coverage coverage)
    {
        Conversation talk = wire.Connect(guest, server, 2049);
        uint xid = 77;
        talk.ToServer(NfsWords.Lookup(xid, name));
        talk.ToClient(NfsWords.Found(xid, name, file.Length));
        for (int at = from; at < to && !talk.IsDead; at += 4096)
        {
            xid++;
            int length = Math.Min(4096, to - at);
            talk.ToServer(NfsWords.Read(xid, name, at, length));
            byte[] answer = NfsWords.Data(xid, file.AsSpan(at, length), file.Length, at + length == file.Length, out int dataAt);
            int before = talk.AtClient.Length;
            talk.Burst(Direction.ToClient, answer);
            Note(talk.AtClient[before..], dataAt, at, coverage);
        }
    }

    /// <summary>NFS 4.1: reads a part of a file whose handle is known.</summary>
    public static void Nfs4Read(GuardedWire wire, string guest, string server, string name, byte[] file, int from, int to, Coverage coverage)
    {
        Conversation talk = wire.Connect(guest, server, 2049);
        uint xid = 77;
        for (int at = from; at < to && !talk.IsDead; at += 4096)
        {
            xid++;
            int length = Math.Min(4096, to - at);
            talk.ToServer(NfsWords.Read4(xid, name, at, length));
            byte[] answer = NfsWords.Data4(xid, file.AsSpan(at, length), at + length == file.Length, out int dataAt);
            int before = talk.AtClient.Length;
            talk.Burst(Direction.ToClient, answer);
            byte[] got = talk.AtClient[before..];
            if (got.Length > dataAt)
            {
                coverage.Add(at, got.AsSpan(dataAt, Math.Min(length, got.Length - dataAt)));
            }
        }
    }

    /// <summary>TFTP: one transfer with its acknowledgements; a block that is not delivered is sent again a few times.</summary>
    public static void TftpGet(GuardedWire wire, string guest, string server, string name, byte[] file, Coverage coverage)
    {
        ushort port = wire.NewPort();
        ushort answering = wire.NewPort();
        Datagram(wire, guest, port, server, 69, [0, 1, .. Ascii(name), 0, .. Ascii("octet"), 0]);
        for (int block = 1, at = 0; at <= file.Length; at += 512, block++)
        {
            int length = Math.Min(512, file.Length - at);
            byte[] data = [0, 3, (byte)(block >> 8), (byte)block, .. file[at..(at + length)]];
            bool isThere = false;
            long begin = Stopwatch.GetTimestamp();
            for (int tries = 0; !isThere && Stopwatch.GetElapsedTime(begin) < wire.Patience; tries++)
            {
                Engine.Worker.Verdict verdict = wire.Process(Testing.Packets.FrameBuilder.Udp(server, answering, guest, port, data));
                isThere = verdict.Action == Engine.Worker.VerdictAction.Pass;
                if (verdict.Reject != Engine.Worker.RejectTarget.None)
                {
                    return;
                }

                if (!isThere)
                {
                    wire.Pause(tries);
                    wire.Tick(1_000);
                    isThere = wire.Worker.Injector.Count > 0;
                    wire.Worker.Injector.Clear();
                }
            }

            if (!isThere)
            {
                return;
            }

            coverage.Add(at, file.AsSpan(at, length));
            Datagram(wire, guest, port, server, answering, [0, 4, (byte)(block >> 8), (byte)block]);
        }
    }

    private static bool Datagram(GuardedWire wire, string source, ushort sourcePort, string destination, ushort port, ReadOnlySpan<byte> payload)
    {
        Engine.Worker.Verdict verdict = wire.Process(Testing.Packets.FrameBuilder.Udp(source, sourcePort, destination, port, payload));
        wire.Worker.Injector.Clear();
        return verdict.Action == Engine.Worker.VerdictAction.Pass;
    }

    private static Conversation FtpArrange(GuardedWire wire, string guest, string server, out ushort port)
    {
        port = wire.NewPort();
        Conversation control = wire.Connect(guest, server, 21);
        control.ToClient("220 ftp\r\n"u8);
        control.ToServer("USER a\r\n"u8);
        control.ToClient("331 p\r\n"u8);
        control.ToServer("PASS b\r\n"u8);
        control.ToClient("230 in\r\n"u8);
        control.ToServer("EPSV\r\n"u8);
        control.ToClient(Ascii($"229 ok (|||{port}|)\r\n"));
        return control;
    }

    private static void Note(byte[] arrived, int headBytes, int from, Coverage coverage)
    {
        if (arrived.Length > headBytes)
        {
            coverage.Add(from, arrived.AsSpan(headBytes));
        }
    }

    private static byte[] Ascii(string text) => Encoding.ASCII.GetBytes(text);

    private static byte[] Http2Frame(byte type, byte flags, int stream, byte[] payload)
    {
        byte[] frame = new byte[9 + payload.Length];
        frame[0] = (byte)(payload.Length >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(1), (ushort)payload.Length);
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        return frame;
    }

    /// <summary>A literal without indexing (RFC 7541 §6.2.2); names and values are short.</summary>
    private static void Hpack(List<byte> block, string name, string value)
    {
        block.Add(0);
        block.Add((byte)name.Length);
        block.AddRange(Ascii(name));
        block.Add((byte)value.Length);
        block.AddRange(Ascii(value));
    }
}
