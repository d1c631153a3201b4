namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary><c>url_decode</c>: <c>%41</c> becomes <c>A</c>, <c>+</c> a blank; a percent sign without two hexadecimal digits stays.</summary>
/// <remarks>
/// One pass: the decoded bytes are not decoded again. Like Suricata 8, a percent sign that no hexadecimal digit follows takes the
/// next byte with it unread: <c>%%41</c> stays as it is.
/// </remarks>
internal sealed class UrlDecodeTransform : Transform
{
    public override string Name => "url_decode";

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> input, TransformScratch scratch)
    {
        if (input.IndexOfAny((byte)'%', (byte)'+') < 0)
        {
            return input;
        }
        Span<byte> output = scratch.Output(input, input.Length);
        input = input[..output.Length];
        int length = 0;
        for (int i = 0; i < input.Length; i++)
        {
            byte value = input[i];
            if (value == '+')
            {
                value = (byte)' ';
            }
            else if (value == '%')
            {
                int high = i + 1 < input.Length ? HexDigit.ValueOf(input[i + 1]) : -1;
                int low = i + 2 < input.Length ? HexDigit.ValueOf(input[i + 2]) : -1;
                if (high >= 0 && low >= 0)
                {
                    value = (byte)((high << 4) | low);
                    i += 2;
                }
                else if (i + 1 < input.Length)
                {
                    output[length++] = value;
                    i++;
                    if (high >= 0 && i + 1 < input.Length)
                    {
                        output[length++] = input[i++];
                    }
                    value = input[i];
                }
            }
            output[length++] = value;
        }
        return output[..length];
    }
}
