namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary><c>ftpbounce</c>: a PORT command that names an address other than the client's (RFC 2577 §3).</summary>
public static class FtpBounce
{
    /// <summary>Whether the argument of a PORT command (RFC 959 §4.1.2: <c>h1,h2,h3,h4,p1,p2</c>) names another address.</summary>
    /// <param name="argument">What follows "PORT" in the command line.</param>
    /// <param name="clientAddress">The client's IPv4 address in network order; any other length never matches.</param>
    /// <returns>False also for an argument that is no address.</returns>
    public static bool Matches(ReadOnlySpan<byte> argument, ReadOnlySpan<byte> clientAddress)
    {
        const int AddressBytes = 4;
        if (clientAddress.Length != AddressBytes)
        {
            return false;
        }
        argument = argument.TrimStart((byte)' ');
        bool differs = false;
        for (int i = 0; i < AddressBytes; i++)
        {
            int digits = 0;
            int octet = 0;
            while (digits < argument.Length && argument[digits] is >= (byte)'0' and <= (byte)'9')
            {
                octet = (octet * 10) + argument[digits++] - '0';
                if (octet > byte.MaxValue)
                {
                    return false;
                }
            }
            if (digits == 0 || digits == argument.Length || argument[digits] != ',')
            {
                return false;
            }
            differs |= octet != clientAddress[i];
            argument = argument[(digits + 1)..];
        }
        return differs;
    }
}
