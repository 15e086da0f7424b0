import { useState } from 'preact/hooks';

/** A labelled number. While it is typed the text is the field's own, as the page draws itself again and again while it trains. */
export function NumberField({
  title,
  value,
  onChange,
  ...range
}: {
  readonly title: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step?: number | 'any';
  /** Told of a number within the range; anything else is taken back. */
  readonly onChange: (value: number) => void;
}) {
  const [typed, setTyped] = useState<string>();
  return (
    <label>
      <span>{title}</span>
      <input
        type="number"
        {...range}
        value={typed ?? value}
        onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        onChange={({ currentTarget }) => {
          setTyped(undefined);
          if (currentTarget.reportValidity() && currentTarget.value !== '') onChange(currentTarget.valueAsNumber);
          else currentTarget.value = String(value);
        }}
      />
    </label>
  );
}
