using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Named;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Named;

public sealed class ImapStartTlsTests
{
    private const string Hello = "\x16\x03\x01\x00\x05\x01\x00\x00\x01x";

    [Theory]
    [InlineData("a2 STARTTLS\r\n", "a2 OK begin now\r\n", true)]
    [InlineData("a2 STARTTLS\n", "a2 OK\n", true)]
    [InlineData("a2 starttls \r\n", "* CAPABILITY IMAP4rev1\r\na2 ok\r\n", true)]
    [InlineData("a2 STARTTLS\r\na3 LOGIN injected x\r\n", "a2 OK\r\n", true)]
    [InlineData("a2 STARTTLS\r\na3 STARTTLS\r\n", "a2 OK\r\na3 BAD\r\n", true)]
    [InlineData("a2 STARTTLS\r\na3 STARTTLS\r\n", "a2 NO\r\na3 OK\r\n", true)]
    [InlineData("a2 LOGIN bob x\r\na3 STARTTLS\r\n", "a2 NO\r\na3 OK\r\n", true)]
    [InlineData("a2 STARTTLS\r\n", "a2 NO not now\r\n", false)]
    [InlineData("a2 STARTTLS\r\n", "a2 BAD what\r\n", false)]
    [InlineData("a2 STARTTLS\r\n", "a2 OKAY\r\n", false)]
    [InlineData("a2 STARTTLS\r\n", "a21 OK another\r\n", false)]
    [InlineData("a2 STARTTLS\r\n", "A2 OK another\r\n", false)]
    [InlineData("a2 STARTTLS\r\n", "* OK untagged\r\n", false)]
    [InlineData("a2 STARTTLS\r\n", "a2 NO\r\na2 OK\r\n", false)]
    [InlineData("a2 STARTTLS now\r\n", "a2 OK\r\n", false)]
    [InlineData("a2 NOOP\r\n", "a2 OK\r\n", false)]
    [InlineData("STARTTLS\r\n", "STARTTLS OK\r\n", false)]
    [InlineData("a2 LOGIN bob x\r\na3 STARTTLS\r\n", "a2 OK in\r\na3 OK\r\n", false)]
    [InlineData("a2 authenticate PLAIN\r\na3 STARTTLS\r\n", "a2 OK in\r\na3 OK\r\n", false)]
    public void TlsFollowsAStartTlsThatIsGranted(string commands, string answers, bool isTls)
    {
        // At every cut of either side, and byte by byte.
        for (int cut = 0; cut < commands.Length; cut++)
        {
            for (int back = 0; back < answers.Length; back++)
            {
                Assert.Equal(isTls, Follow(commands[..cut], commands[cut..], answers[..back], answers[back..], [Hello[..1], Hello[..2], Hello]));
            }
        }

        Assert.Equal(isTls, Follow(commands, "", answers, "", [Hello]));
    }

    [Theory]
    [InlineData("\x80\x2e\x01\x03\x01\x00", true)]
    [InlineData("\x16\x03\x05\x00\x05\x01", false)]
    [InlineData("\x15\x03\x01\x00\x02\x02", false)]
    [InlineData("\x80\x2e\x02\x03\x01\x00", false)]
    [InlineData("a3 NOOP\r\n", false)]
    [InlineData("a3 \x16\x03\x01\r\n", false)]
    public void WhatIsNoHelloChangesNothing(string bytes, bool isTls)
    {
        Assert.Equal(isTls, Follow("a2 STARTTLS\r\n", "", "a2 OK\r\n", "", [bytes]));
        Assert.Equal(isTls, Follow("a2 STARTTLS\r\n", "", "a2 OK\r\n", "", [.. Enumerable.Range(1, bytes.Length).Select(n => bytes[..n])]));
    }

    [Fact]
    public void LinesInTheClearBeforeTheHelloAreTaken()
    {
        ImapStartTls reader = Granted();
        const string Injected = "a3 NOOP\r\n";
        Assert.Equal(Injected.Length, Take(reader, Direction.ToServer, Injected + Hello));
        Assert.True(reader.IsTls);
    }

    [Fact]
    public void TheServersRecordTellsAsWell()
    {
        ImapStartTls reader = Granted();
        Assert.Equal(0, Take(reader, Direction.ToClient, "\x15\x03\x03\x00\x02\x02\x28"));
        Assert.True(reader.IsTls);
    }

    [Fact]
    public void TagsHaveALimit()
    {
        string longest = new('t', ImapStartTls.MaxTagBytes);
        Assert.True(Follow(longest + " STARTTLS\r\n", "", longest + " OK\r\n", "", [Hello]));
        Assert.False(Follow(longest + "t STARTTLS\r\n", "", longest + "t OK\r\n", "", [Hello]));
    }

    [Fact]
    public void OfMoreCommandsThanMayWaitTheLatestAreFollowed()
    {
        string commands = string.Concat(Enumerable.Range(0, ImapStartTls.MaxWaiting + 1).Select(i => $"t{i} STARTTLS\r\n"));
        Assert.False(Follow(commands, "", "t0 OK\r\n", "", [Hello]));
        Assert.True(Follow(commands, "", "t1 OK\r\n", "", [Hello]));
    }

    [Fact]
    public void AfterTheLimitItIsOver()
    {
        const string Command = "a2 STARTTLS\r\n";
        const string Answer = "a2 OK\r\n";
        int room = ImapStartTls.MaxBytes - Command.Length - Answer.Length - 2;
        Assert.True(Follow(new string('x', room - 1) + "\r\n", Command, Answer, "", [Hello]));
        Assert.False(Follow(new string('x', room) + "\r\n", Command, Answer, "", [Hello]));
        ImapStartTls reader = new();
        Assert.Equal(ImapStartTls.MaxBytes + 5, Take(reader, Direction.ToServer, new string('x', ImapStartTls.MaxBytes + 5)));
        Assert.True(reader.IsOver);
    }

    [Fact]
    public void AfterALossNothingWaits()
    {
        ImapStartTls reader = new();
        Take(reader, Direction.ToServer, "a2 STARTTLS\r\n");
        reader.OnGap(Direction.ToClient);
        Take(reader, Direction.ToClient, "end of a line\r\na2 OK\r\n");
        Take(reader, Direction.ToServer, "a3 STARTTLS\r\n");
        Take(reader, Direction.ToServer, Hello);
        Assert.False(reader.IsTls);
        Take(reader, Direction.ToServer, "\n");
        Take(reader, Direction.ToClient, "a3 OK\r\n");
        Take(reader, Direction.ToServer, Hello);
        Assert.True(reader.IsTls);
    }

    [Fact]
    public void ResetForgets()
    {
        ImapStartTls reader = Granted();
        reader.Reset();
        Assert.Equal(Hello.Length, Take(reader, Direction.ToServer, Hello));
        Assert.False(reader.IsTls);
    }

    /// <summary>Any bytes, cut anywhere: all are taken once, and the result is that of the whole.</summary>
    [Fact]
    public void RandomLinesGiveTheSameHoweverTheyAreCut()
    {
        string[] words = ["a1 ", "a2 ", "* ", "STARTTLS", "LOGIN", "OK", "NO", "\r\n", "\r\n", "\n", "\r", " ", "\x16\x03\x01", "\x80\x2e\x01\x03\x01", "\x16", "x"];
        var random = new Random(7);
        int found = 0;
        for (int round = 0; round < 3000; round++)
        {
            ImapStartTls whole = new();
            ImapStartTls cut = new();
            for (int turn = 0; turn < 6 && !whole.IsTls && !whole.IsOver; turn++)
            {
                Direction direction = turn % 2 == 0 ? Direction.ToServer : Direction.ToClient;
                string text = turn < 2 && random.Next(2) == 0 ? (turn == 0 ? "a1 STARTTLS\r\n" : "a1 OK\r\n")
                    : string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(_ => words[random.Next(words.Length)])) + "\r\n....";
                int taken = Take(whole, direction, text);
                int behind = 0;
                for (int end = 1; end <= text.Length && !cut.IsTls && !cut.IsOver; end++)
                {
                    behind += Take(cut, direction, text[behind..end]);
                }

                Assert.Equal(whole.IsTls, cut.IsTls);
                Assert.Equal(whole.IsOver, cut.IsOver);
                Assert.True(whole.IsOver || taken == behind);
            }

            found += whole.IsTls ? 1 : 0;
        }

        Assert.InRange(found, 50, 2950);
    }

    private static ImapStartTls Granted()
    {
        ImapStartTls reader = new();
        Take(reader, Direction.ToServer, "a2 STARTTLS\r\n");
        Take(reader, Direction.ToClient, "a2 OK\r\n");
        Assert.False(reader.IsTls);
        return reader;
    }

    /// <param name="command">The client's bytes, in two pieces.</param>
    /// <param name="more">The second.</param>
    /// <param name="answer">The server's, in two pieces.</param>
    /// <param name="rest">The second.</param>
    /// <param name="behind">What the client sends then, each as far as it has come: bytes that are not taken come again.</param>
    private static bool Follow(string command, string more, string answer, string rest, string[] behind)
    {
        ImapStartTls reader = new();
        Take(reader, Direction.ToServer, command);
        Take(reader, Direction.ToServer, more);
        Take(reader, Direction.ToClient, answer);
        Take(reader, Direction.ToClient, rest);
        int taken = 0;
        foreach (string come in behind)
        {
            if (!reader.IsTls)
            {
                taken += Take(reader, Direction.ToServer, come[taken..]);
            }
        }

        return reader.IsTls;
    }

    private static int Take(ImapStartTls reader, Direction direction, string latin1) => reader.Take(direction, Encoding.Latin1.GetBytes(latin1));
}
