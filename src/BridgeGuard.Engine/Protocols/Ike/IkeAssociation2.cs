using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols.Ike;

/// <summary>The Security Association payload of version 2 (RFC 7296 §3.3): proposals with transforms, judged for their strength.</summary>
internal static class IkeAssociation2
{
    private const byte AuthenticationHeader = 2;

    /// <summary>Reads and judges; false when the payload is malformed.</summary>
    /// <param name="content">The payload without its header.</param>
    /// <param name="transaction">Where weaknesses are noted.</param>
    /// <param name="agreement">What the responder chose; null for an offer.</param>
    public static bool TryRead(ReadOnlySpan<byte> content, IkeTransaction transaction, IkeAgreement? agreement)
    {
        while (!content.IsEmpty)
        {
            if (!IkeUnit.TryTake(ref content, out ReadOnlySpan<byte> proposal))
            {
                return false;
            }

            int spiBytes = proposal[6];
            ReadOnlySpan<byte> transforms = proposal[IkeUnit.HeaderBytes..];
            if (spiBytes > transforms.Length || !TryReadTransforms(transforms[spiBytes..], transaction, agreement))
            {
                return false;
            }

            if (proposal[5] == AuthenticationHeader)
            {
                transaction.Raise(IkeAnomaly.NoEncryption);
            }
        }

        return true;
    }

    private static bool TryReadTransforms(ReadOnlySpan<byte> rest, IkeTransaction transaction, IkeAgreement? agreement)
    {
        bool hasGroup = false;
        bool hasIntegrity = false;
        while (!rest.IsEmpty)
        {
            if (!IkeUnit.TryTake(ref rest, out ReadOnlySpan<byte> transform))
            {
                return false;
            }

            // Type in the fifth byte, identifier in the last two of the header.
            int type = transform[4] - 1;
            ushort id = BinaryPrimitives.ReadUInt16BigEndian(transform[6..]);
            if ((uint)type >= IkeTables.TransformTypes)
            {
                transaction.Raise(IkeAnomaly.UnknownProposal);
                continue;
            }

            Judge((IkeTransform2)type, id, transaction, ref hasGroup, ref hasIntegrity);
            if (agreement is not null)
            {
                agreement.Chosen[type] = id;
            }
        }

        if (!hasGroup)
        {
            transaction.Raise(IkeAnomaly.WeakCryptoNoDh);
        }

        if (!hasIntegrity)
        {
            transaction.Raise(IkeAnomaly.WeakCryptoNoAuth);
        }

        return true;
    }

    private static void Judge(IkeTransform2 type, ushort id, IkeTransaction transaction, ref bool hasGroup, ref bool hasIntegrity)
    {
        switch (type)
        {
            case IkeTransform2.Encryption:
                // An authenticating cipher needs no integrity transform (RFC 5282 §8).
                hasIntegrity |= IkeTables.IsAuthenticating(id);
                Raise(transaction, IkeTables.IsWeakEncryption(id), IkeAnomaly.WeakCryptoEnc);
                break;
            case IkeTransform2.Prf:
                Raise(transaction, id == 0, IkeAnomaly.InvalidProposal);
                Raise(transaction, id is 1 or 2, IkeAnomaly.WeakCryptoPrf);
                break;
            case IkeTransform2.Integrity:
                hasIntegrity |= id != 0;
                Raise(transaction, id is >= 1 and <= 7, IkeAnomaly.WeakCryptoAuth);
                break;
            case IkeTransform2.Group:
                hasGroup = true;
                Raise(transaction, id == 0, IkeAnomaly.InvalidProposal);
                Raise(transaction, id is 1 or 2 or 5 or 22, IkeAnomaly.WeakCryptoDh);
                break;
        }
    }

    private static void Raise(IkeTransaction transaction, bool condition, IkeAnomaly anomaly)
    {
        if (condition)
        {
            transaction.Raise(anomaly);
        }
    }
}
