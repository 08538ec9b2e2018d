/**
 * A box to choose from a list that narrows as one types. Once something is typed Enter takes the first that matches, and what Enter takes
 * is what assistive technology is told: Mantine by itself goes on telling what the arrow keys were at last, though it is filtered out since.
 */
import { Combobox, type ComboboxStore, Loader, Text, TextInput, type TextInputProps, useCombobox } from '@mantine/core';
import { type ReactNode, useEffect, useState } from 'react';

/** Long lists draw only so many; typing narrows them. */
export const SHOWN_AT_ONCE = 200;

export interface PickerState {
  store: ComboboxStore;
  /** What is typed; null where the box shows what is chosen. */
  typed: string | null;
  setTyped: (typed: string | null) => void;
  /** Id of the option that Enter takes. */
  told: string | null;
}

export function usePicker(): PickerState {
  const [typed, setTyped] = useState<string | null>(null);
  const [told, setTold] = useState<string | null>(null);
  const own = useCombobox({
    onDropdownClose: () => {
      store.resetSelectedOption();
      setTyped(null);
    },
  });
  const telling = (select: () => string | null) => () => {
    const id = select();
    setTold(id);
    return id;
  };
  const store: ComboboxStore = {
    ...own,
    selectActiveOption: telling(own.selectActiveOption),
    selectFirstOption: telling(own.selectFirstOption),
    selectNextOption: telling(own.selectNextOption),
    selectPreviousOption: telling(own.selectPreviousOption),
    resetSelectedOption: () => {
      own.resetSelectedOption();
      setTold(null);
    },
  };
  return { store, typed, setTyped, told };
}

export interface PickerBoxProps extends Pick<TextInputProps, 'aria-label' | 'error' | 'placeholder' | 'disabled' | 'className'> {
  label?: string;
}

interface PickerProps extends PickerBoxProps, Pick<TextInputProps, 'onKeyDown'> {
  picker: PickerState;
  /** What is chosen, as the box shows it. */
  chosen: string;
  onChoose: (value: string) => void;
  /** Values of the options that match what is typed, as they are drawn. */
  matches: readonly string[];
  /** How many options are drawn before them. */
  lead?: number;
  /** How many match in all. */
  total: number;
  /** More options are on their way. */
  isPending?: boolean;
  listLabel: string;
  dropdownClassName?: string | undefined;
  /** Options. */
  children: ReactNode;
}

export function Picker({
  picker,
  chosen,
  onChoose,
  matches,
  lead = 0,
  total,
  isPending = false,
  listLabel,
  dropdownClassName = '',
  children,
  ...box
}: PickerProps) {
  const { store, typed, setTyped, told } = picker;
  const isOpen = store.dropdownOpened;
  const drawn = matches.join('\n');
  useEffect(() => {
    if (!isOpen || typed === null) return;
    store.resetSelectedOption();
    if (drawn === '') return;
    store.updateSelectedOptionIndex(lead - 1);
    store.selectNextOption();
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the store is a new object on each drawing
  }, [isOpen, typed, drawn, lead]);

  return (
    <Combobox store={store} withinPortal={false} position="bottom-start" shadow="md" onOptionSubmit={onChoose}>
      <Combobox.Target withExpandedAttribute>
        <TellingInput
          {...box}
          told={told}
          value={typed ?? chosen}
          rightSection={isPending && isOpen ? <Loader size={16} /> : <Combobox.Chevron />}
          rightSectionPointerEvents="none"
          onClick={() => store.openDropdown()}
          onFocus={(event) => event.currentTarget.select()}
          onChange={(event) => {
            store.openDropdown();
            setTyped(event.currentTarget.value);
          }}
          onBlur={() => store.closeDropdown()}
        />
      </Combobox.Target>
      <Combobox.Dropdown className={dropdownClassName}>
        {/* Hundreds of options for each line are too many to draw where nobody looks. */}
        {isOpen && (
          <>
            <Combobox.Options mah={340} style={{ overflowY: 'auto' }} aria-label={listLabel}>
              {children}
            </Combobox.Options>
            {total > SHOWN_AT_ONCE && (
              <Combobox.Footer>
                <Text size="xs" c="dimmed">
                  The first {SHOWN_AT_ONCE} of {new Intl.NumberFormat().format(total)}. Type to narrow them.
                </Text>
              </Combobox.Footer>
            )}
          </>
        )}
      </Combobox.Dropdown>
    </Combobox>
  );
}

/** What Mantine's target says of the option is replaced. */
function TellingInput({ told, ...props }: TextInputProps & { told: string | null }) {
  return <TextInput {...props} aria-activedescendant={told ?? undefined} />;
}
