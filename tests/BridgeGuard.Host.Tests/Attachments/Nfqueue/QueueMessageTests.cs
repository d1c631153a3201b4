using System.Buffers.Binary;
using BridgeGuard.Attachments.Nfqueue;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Nfqueue;

public sealed class QueueMessageTests
{
    private static byte[] Message()
    {
        List<byte> bytes = [.. new byte[20]];
        Add(bytes, 1, [0, 0, 1, 2, 0x86, 0xDD, 2]);
        Add(bytes, 3, [0, 0, 0, 9]);
        Add(bytes, 7, [0, 0, 0, 5]);
        Add(bytes, 9, [0, 6, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0]);
        Add(bytes, 13, [0, 0, 1, 0]);
        Add(bytes, 14, [0, 0, 0, 3]);
        Add(bytes, 10, [0x60, 1, 2, 3, 4]);
        byte[] message = [.. bytes];
        BinaryPrimitives.WriteInt32LittleEndian(message, message.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(4), QueueMessage.TypePacket);
        return message;
    }

    private static void Add(List<byte> bytes, byte type, byte[] value)
    {
        bytes.AddRange([(byte)(value.Length + 4), 0, type, 0, .. value]);
        while (bytes.Count % 4 != 0)
        {
            bytes.Add(0);
        }
    }

    [Fact]
    public void EveryFieldIsRead()
    {
        byte[] bytes = Message();
        Assert.True(QueueMessage.TryRead(bytes, out QueueMessage message));
        Assert.Equal((0x02010000u, (ushort)0x86DD, 9u, 5), (message.Id, message.EtherType, message.Mark, message.InIndex));
        Assert.Equal((256, 3u, 5), (message.WholeBytes, message.Offloads, message.PayloadBytes));
        Assert.Equal([1, 2, 3, 4, 5, 6], message.SenderMac.ToArray());
        Assert.Equal([0x60, 1, 2, 3, 4], bytes.AsSpan(message.PayloadAt, message.PayloadBytes).ToArray());
    }

    [Fact]
    public void NoCutOrChangedMessageReadsPastItsEnd()
    {
        byte[] whole = Message();
        for (int length = 0; length < whole.Length; length++)
        {
            // A message that claims more than came is none.
            Assert.False(QueueMessage.TryRead(whole.AsSpan(0, length), out _));
        }

        Random random = new(1);
        for (int i = 0; i < 100_000; i++)
        {
            byte[] changed = [.. whole];
            for (int n = random.Next(1, 4); n > 0; n--)
            {
                changed[random.Next(changed.Length)] = (byte)random.Next(256);
            }

            if (QueueMessage.TryRead(changed, out QueueMessage message))
            {
                Assert.InRange(message.PayloadAt + message.PayloadBytes, 0, changed.Length);
            }
        }
    }
}
