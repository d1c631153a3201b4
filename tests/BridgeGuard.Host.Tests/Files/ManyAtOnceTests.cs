using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Files;

/// <summary>Many connections at once, packet by packet among each other: what all of them bring together is never the whole of a bad file, and a clean one arrives.</summary>
public sealed class ManyAtOnceTests
{
    private const string Server = "10.0.0.100";
    private const int AtOnce = 8;
    private const int FileBytes = 30_000;
    private const int Rounds = 20;

    private static readonly string[] Guests = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];

    /// <summary>Every file new, so that each round begins where nothing is known: eight connections at a time, 24 a round, in orders of their own.</summary>
    /// <remarks>2026-11-27: 1,000 of 1,000 rounds (4 seeds of 250); a slice of them here.</remarks>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task PiecesOfManyConnectionsDoNotAddUp(int seed)
    {
        var random = new Random(seed);
        for (int round = 0; round < Rounds; round++)
        {
            int stopped = await RunRoundAsync(seed, round, random, isBad: true);
            Assert.True(stopped > 0);
        }
    }

    /// <summary>A clean file in the same pieces: whoever fetches all of it gets it, whatever others fetch of it meanwhile.</summary>
    [Theory]
    [InlineData(5)]
    [InlineData(6)]
    public async Task PiecesOfACleanFileArrive(int seed)
    {
        var random = new Random(seed);
        int stopped = 0;
        for (int round = 0; round < Rounds; round++)
        {
            stopped += await RunRoundAsync(seed, round, random, isBad: false);
        }

        Assert.Equal(0, stopped);
    }

    /// <returns>Connections that were stopped.</returns>
    private static async Task<int> RunRoundAsync(int seed, int round, Random random, bool isBad)
    {
        byte[] file = new byte[FileBytes + random.Next(2000)];
        random.NextBytes(file);
        if (isBad)
        {
            Encoding.ASCII.GetBytes(StubScanner.Marker).CopyTo(file, file.Length / 2);
        }

        var scanner = new StubScanner { Delay = TimeSpan.FromMilliseconds(random.Next(4) == 0 ? 3 : 0) };
        await using var wire = new GuardedWire(GuardedWire.Tail, scanner);
        var coverage = new Coverage(file);
        var clients = new List<Client>();
        var story = new StringBuilder();
        int left = 3 * AtOnce;
        for (int step = 0; (left > 0 || clients.Count > 0) && step < 20_000; step++)
        {
            while (clients.Count < AtOnce && left > 0)
            {
                clients.Add(new Client(wire, Guests[random.Next(3)], file, coverage, random, 3 * AtOnce - left, story));
                left--;
            }

            Client client = clients[random.Next(clients.Count)];
            if (!client.Step())
            {
                clients.Remove(client);
            }

            if (step % 16 == 0)
            {
                wire.Tick(1_000);
            }

            Assert.False(isBad && coverage.IsWhole, $"seed {seed}, round {round}:\n{story}");
        }

        Assert.Empty(clients);
        return story.ToString().Split("stopped").Length - 1;
    }

    /// <summary>A client that fetches the whole, from somewhere on, a part or the last bytes; it takes what it got so far into account when it goes away.</summary>
    private sealed class Client
    {
        private readonly Conversation _talk;
        private readonly Coverage _coverage;
        private readonly byte[] _answer;
        private readonly int _headLength;
        private readonly int _from;
        private readonly int _until;
        private readonly StringBuilder _story;
        private readonly int _number;
        private int _at;
        private int _stalls;

        public Client(GuardedWire wire, string guest, byte[] file, Coverage coverage, Random random, int number, StringBuilder story)
        {
            (_coverage, _story, _number) = (coverage, story, number);
            int to = file.Length;
            _from = random.Next(6) switch
            {
                0 or 1 => 0,
                2 => file.Length / 3 + random.Next(1000),
                3 => file.Length - 1 - random.Next(7),
                4 => Math.Min(coverage.Prefix, file.Length - 1),
                _ => random.Next(file.Length),
            };
            if (random.Next(5) == 0)
            {
                to = _from + 1 + random.Next(file.Length - _from);
            }

            bool isWhole = _from == 0 && to == file.Length;
            _talk = wire.Connect(guest, Server, 80);
            _talk.ToServer(Encoding.ASCII.GetBytes($"GET /bad.bin HTTP/1.1\r\nHost: {Server}\r\n{(isWhole ? "" : $"Range: bytes={_from}-{to - 1}\r\n")}\r\n"));
            string head = isWhole ? $"HTTP/1.1 200 OK\r\nContent-Length: {to - _from}\r\n\r\n"
                : $"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {_from}-{to - 1}/{file.Length}\r\nContent-Length: {to - _from}\r\n\r\n";
            _headLength = head.Length;
            _answer = [.. Encoding.ASCII.GetBytes(head), .. file[_from..to]];
            _until = random.Next(6) == 0 ? random.Next(_answer.Length) : _answer.Length;
            story.AppendLine($"{number}: {_from}..{to} of {file.Length}, stops at {_until - _headLength}");
        }

        /// <summary>One packet more; false when it is done.</summary>
        public bool Step()
        {
            int before = _talk.AtClient.Length;
            if (_at < _until)
            {
                int next = Math.Min(_until, _at + Conversation.SegmentBytes);
                _talk.ToClient(_answer.AsSpan(_at, next - _at));
                _at = next;
            }
            else
            {
                _talk.SayAgain(Direction.ToClient, _answer.AsSpan(0, _at));
                _stalls = _talk.AtClient.Length == before ? _stalls + 1 : 0;
                if (_stalls % 4 == 3)
                {
                    Thread.Sleep(1);
                }
            }

            byte[] got = _talk.AtClient;
            if (got.Length > _headLength && !got.AsSpan(0, _headLength).SequenceEqual(_answer.AsSpan(0, _headLength)))
            {
                got = []; // A page that says why.
            }

            if (got.Length > _headLength)
            {
                _coverage.Add(_from, got.AsSpan(_headLength));
            }

            bool goesOn = !_talk.IsDead && got.Length < _until && _stalls < 200;
            if (!goesOn)
            {
                _story.AppendLine($"{_number}: got {got.Length - _headLength} of {_until - _headLength}{(_talk.IsDead ? ", stopped" : "")}");
                _talk.Reset(Direction.ToServer);
            }

            return goesOn;
        }
    }
}
