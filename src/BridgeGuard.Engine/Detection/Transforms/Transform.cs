namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary>Turns the bytes of an inspection buffer into other bytes before rules look at them (<c>to_lowercase</c>, <c>xor</c> …).</summary>
/// <remarks>
/// A pure function of its input. Thread: shared by all; each brings its own <see cref="TransformScratch"/>. Allocates nothing once
/// the scratch has grown to the traffic.
/// </remarks>
public abstract class Transform
{
    /// <summary>The keyword.</summary>
    public abstract string Name { get; }

    /// <summary>Keyword and arguments in one normal form: equal for transforms that do the same, so that results can be shared.</summary>
    public virtual string Identity => Name;

    /// <summary>Transforms a buffer.</summary>
    /// <param name="input">The bytes; may be the output of another transform with the same scratch.</param>
    /// <param name="scratch">The calling thread's.</param>
    /// <returns>
    /// The new bytes: the input itself, a part of it, or memory of the scratch that stays valid until the second next
    /// transform with it. Input that the transform cannot decode comes back unchanged or empty, as the transform says.
    /// </returns>
    public abstract ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> input, TransformScratch scratch);

    /// <inheritdoc/>
    public sealed override string ToString() => Identity;
}
