using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Ike;

/// <summary>The Security Association payload of version 1 (RFC 2408 §3.4 to §3.6): proposals with transforms with attributes.</summary>
internal static class IkeAssociation1
{
    private const int SituationBytes = 8;

    /// <summary>Reads all transforms; false when the payload is malformed.</summary>
    public static bool TryRead(ReadOnlySpan<byte> content, IkeTransaction transaction, IkeAgreement agreement, Direction direction)
    {
        if (content.Length < SituationBytes)
        {
            return false;
        }

        agreement.Doi = BinaryPrimitives.ReadUInt32BigEndian(content);
        ReadOnlySpan<byte> rest = content[SituationBytes..];
        bool isFirst = true;
        while (!rest.IsEmpty)
        {
            if (!IkeUnit.TryTake(ref rest, out ReadOnlySpan<byte> proposal))
            {
                return false;
            }

            transaction.AddPayloadOnce((byte)IkePayload1.Proposal);
            int spiBytes = proposal[6];
            ReadOnlySpan<byte> transforms = proposal[IkeUnit.HeaderBytes..];
            if (spiBytes > transforms.Length)
            {
                return false;
            }

            transforms = transforms[spiBytes..];
            while (!transforms.IsEmpty)
            {
                if (!IkeUnit.TryTake(ref transforms, out ReadOnlySpan<byte> transform))
                {
                    return false;
                }

                transaction.AddPayloadOnce((byte)IkePayload1.Transform);
                IkeAttributeList? list = transaction.AddTransform();
                if (list is not null && !list.TryRead(transform[IkeUnit.HeaderBytes..]))
                {
                    return false;
                }

                if (direction == Direction.ToClient && isFirst && list is not null)
                {
                    // The responder answers with the one that it takes.
                    agreement.Attributes.CopyFrom(list);
                    isFirst = false;
                }
            }
        }

        return true;
    }
}
