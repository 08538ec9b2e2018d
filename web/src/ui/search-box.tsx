/** A box whose search stands in the page's address: it is told a moment after the typing stops, and follows back and forward. */
import { CloseButton, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';

const TYPING_MS = 250;

interface SearchBoxProps {
  /** What is searched, and where. */
  label: string;
  placeholder: string;
  /** The search as the address has it. */
  search: string;
  onSearch: (search: string) => void;
  className?: string | undefined;
}

export function SearchBox({ label, placeholder, search, onSearch, className = '' }: SearchBoxProps) {
  const [text, setText] = useState(search);
  const told = useRef(search);
  const tell = useRef(onSearch);
  useEffect(() => {
    tell.current = onSearch;
  });

  useEffect(() => {
    if (search === told.current) return;
    told.current = search;
    setText(search);
  }, [search]);

  useEffect(() => {
    const wanted = text.trim();
    if (wanted === told.current) return undefined;
    const timer = setTimeout(() => {
      told.current = wanted;
      tell.current(wanted);
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);

  return (
    <TextInput
      type="search"
      aria-label={label}
      placeholder={placeholder}
      leftSection={<IconSearch size={16} aria-hidden />}
      rightSection={text === '' ? null : <CloseButton size="sm" aria-label="Clear search" onClick={() => setText('')} />}
      className={className}
      value={text}
      onChange={({ currentTarget }) => setText(currentTarget.value)}
    />
  );
}
